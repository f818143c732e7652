import t from 'tap'
import Value from 'typebox/value'
import { Policy as PolicySchema } from '../../../appliance/api/schemas/policy.ts'
import type { Policy } from '../../../webui/contract.ts'
import { draftOf, policyOf } from '../../../webui/settings/policy-draft.ts'
import { newWindow } from '../../../webui/ui/window-draft.ts'

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
    { bandwidth: { limit: 'fast', timetable: [] } },
    { bandwidth: { limit: '0.01', timetable: [] } },
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
  const draft = draftOf(policy)
  const lifted = policyOf({ ...draft, bandwidth: { ...draft.bandwidth, limit: '' } })
  t.equal(lifted?.bandwidth.bytesPerSecond, undefined)
  t.equal(lifted?.bandwidth.timetable.length, 1)
})
