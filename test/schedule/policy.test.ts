// What the policy says at an instant, and what a policy may not be.
import t from 'tap'
import { type BandwidthLimit, type Policy, weekdays } from '../../appliance/domain.ts'
import {
  blackoutAt,
  defaultPolicy,
  minBytesPerSecond,
  PolicyHolder,
  rateAt,
  transferRate,
  validateBandwidth,
  validatePolicy,
} from '../../appliance/schedule/policy.ts'

const at = (text: string) => new Date(text)
const MiB = 2 ** 20
const office: WindowOf = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00' }
type WindowOf = Policy['blackouts'][number]['window']
const limit: BandwidthLimit = {
  bytesPerSecond: 8 * MiB,
  timetable: [
    { window: { days: ['wed'], from: '12:00', to: '13:00' }, bytesPerSecond: 2 * MiB },
    { window: office, bytesPerSecond: MiB },
    { window: { days: ['sun'], from: '00:00', to: '24:00' }, bytesPerSecond: null },
  ],
}
const withBlackouts = (...blackouts: Policy['blackouts']): Policy => ({
  ...defaultPolicy,
  timeZone: 'Europe/Berlin',
  blackouts,
})

t.test('by default there is no limit and no blackout', async t => {
  t.doesNotThrow(() => validatePolicy(defaultPolicy))
  t.equal(transferRate(defaultPolicy, at('2026-03-02T12:00:00Z')), null)
  t.same(blackoutAt(defaultPolicy, at('2026-03-02T12:00:00Z')), { active: false, holdTransfers: false })
})

t.test('the first window of the timetable that holds the time decides, else the limit itself', async t => {
  t.equal(rateAt(limit, at('2026-03-04T11:30:00Z'), 'Europe/Berlin'), 2 * MiB, 'Wednesday noon')
  t.equal(rateAt(limit, at('2026-03-04T11:30:00Z'), 'UTC'), MiB)
  t.equal(rateAt(limit, at('2026-03-04T18:00:00Z'), 'UTC'), 8 * MiB, 'evening')
  t.equal(rateAt(limit, at('2026-03-08T18:00:00Z'), 'UTC'), null, 'Sunday lifts it')
  t.equal(rateAt(undefined, at('2026-03-08T18:00:00Z'), 'UTC'), null)
  t.equal(rateAt({ timetable: [] }, at('2026-03-08T18:00:00Z'), 'UTC'), null)
})

t.test('a blackout has an end, which is that of all that touch', async t => {
  const policy = withBlackouts(
    { window: office, holdTransfers: false },
    { window: { days: ['mon'], from: '17:00', to: '20:00' }, holdTransfers: true },
  )
  t.same(blackoutAt(policy, at('2026-03-02T09:00:00Z')), {
    active: true,
    holdTransfers: false,
    endsAt: at('2026-03-02T19:00:00Z'),
  })
  t.equal(blackoutAt(policy, at('2026-03-02T16:30:00Z')).holdTransfers, true)
  t.equal(blackoutAt(policy, at('2026-03-02T19:00:00Z')).active, false)
  t.same(blackoutAt(policy, at('2026-03-03T09:00:00Z')).endsAt, at('2026-03-03T17:00:00Z'))
})

t.test('transfers are held while a blackout says so, and follow the limit else', async t => {
  const policy = { ...withBlackouts({ window: office, holdTransfers: true }), bandwidth: { ...limit, timetable: [] } }
  t.equal(transferRate(policy, at('2026-03-02T09:00:00Z')), 0)
  t.equal(transferRate(policy, at('2026-03-02T20:00:00Z')), 8 * MiB)
})

t.test('the holder gives what was put in last, and keeps it when the next is refused', async t => {
  const holder = new PolicyHolder()
  t.equal(holder.policy, defaultPolicy)
  const next = { ...defaultPolicy, pauseAfterFailures: 0 }
  holder.replace(next)
  t.throws(() => holder.replace({ ...defaultPolicy, timeZone: 'nowhere' }), { code: 'POLICY_INVALID' })
  t.equal(holder.policy, next)
  t.throws(() => new PolicyHolder({ ...defaultPolicy, timeZone: 'nowhere' }), { code: 'POLICY_INVALID' })
})

t.test('what cannot be kept is refused by name', async t => {
  const whole = { days: [...weekdays], from: '00:00', to: '24:00' }
  const refused: [Partial<Policy>, RegExp][] = [
    [{ timeZone: 'Berlin' }, /no time zone "Berlin"/],
    [{ blackouts: [{ window: { ...office, days: [] }, holdTransfers: true }] }, /Blackout window 1 names no day/],
    [{ blackouts: [{ window: whole, holdTransfers: false }] }, /cover the whole week/],
    [
      {
        blackouts: [
          { window: { ...whole, to: '12:00' }, holdTransfers: false },
          { window: { ...whole, from: '12:00' }, holdTransfers: false },
        ],
      },
      /cover the whole week/,
    ],
    [{ bandwidth: { bytesPerSecond: 0, timetable: [] } }, /limit of 0 bytes/],
    [{ bandwidth: { bytesPerSecond: minBytesPerSecond - 1, timetable: [] } }, /65535 bytes per second/],
    [{ bandwidth: { timetable: [{ window: office, bytesPerSecond: 1.5 }] } }, /limit of 1.5 bytes/],
    [
      { bandwidth: { timetable: [{ window: { ...office, to: '18' }, bytesPerSecond: null }] } },
      /Window 1 of the bandwidth timetable ends at "18"/,
    ],
    [{ datastoreFloor: { percent: 91, bytes: 0 } }, /91 .*percent/],
    [{ datastoreFloor: { percent: 10, bytes: -1 } }, /-1 .*bytes/],
    [{ pauseAfterFailures: -1 }, /failures/],
    [{ snapshotAgeHours: 0 }, /hours/],
  ]
  for (const [change, message] of refused)
    t.throws(() => validatePolicy({ ...defaultPolicy, ...change }), { code: 'POLICY_INVALID', message })
})

t.test('limits from 64 KiB/s on are taken, and so is a week with a minute free', async t => {
  t.doesNotThrow(() => validateBandwidth({ bytesPerSecond: minBytesPerSecond, timetable: [] }))
  t.doesNotThrow(() => validateBandwidth(limit))
  const almost = { days: [...weekdays], from: '00:01', to: '24:00' }
  t.doesNotThrow(() => validatePolicy(withBlackouts({ window: almost, holdTransfers: true })))
})
