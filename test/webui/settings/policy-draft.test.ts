import t from 'tap'
import Value from 'typebox/value'
import { Policy as PolicySchema } from '../../../appliance/api/schemas/policy.ts'
import type { Policy } from '../../../webui/contract.ts'
import { bytesOf, draftOf, newWindow, policyOf } from '../../../webui/settings/policy-draft.ts'

const policy: Policy = {
  timeZone: 'Europe/Berlin',
  bandwidth: { bytesPerSecond: 1_500_000, timetable: [{ window: newWindow(), bytesPerSecond: null }] },
  blackouts: [{ window: { days: ['sat'], from: '22:00', to: '24:00' }, holdTransfers: true }],
  datastoreFloor: { percent: 10, bytes: 20 * 2 ** 30 },
  pauseAfterFailures: 5,
  snapshotAgeHours: 24,
}

t.test('a policy that was not changed comes out of the form as it went in', async t => {
  t.strictSame(policyOf(draftOf(policy)), policy)
  t.ok(Value.Check(PolicySchema, policyOf(draftOf(policy))))
})

t.test('a field that cannot be saved keeps all from being saved', async t => {
  const draft = draftOf(policy)
  for (const wrong of [
    { limit: 'fast' },
    { limit: '0.01' },
    { floorPercent: '91' },
    { floorGiB: '' },
    { floorGiB: '-1' },
    { pauseAfterFailures: '1.5' },
    { snapshotAgeHours: '0' },
    { blackouts: [{ window: { days: [], from: '08:00', to: '09:00' }, holdTransfers: false }] },
  ]) {
    t.equal(policyOf({ ...draft, ...wrong }), undefined, JSON.stringify(wrong))
  }
})

t.test('no number is no limit', async t => {
  t.equal(bytesOf(' '), null)
  t.equal(bytesOf('0.0625'), 65_536)
  t.equal(bytesOf('0.06'), undefined)
  t.equal(policyOf({ ...draftOf(policy), limit: '' })?.bandwidth.bytesPerSecond, undefined)
})
