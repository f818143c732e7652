// The policy over the API, with the appliance's own rules behind it.
import t from 'tap'
import type { Policy } from '../../appliance/domain.ts'
import { defaultPolicy, PolicyHolder } from '../../appliance/schedule/policy.ts'
import { memoryApi } from './memory-api.ts'

const holder = new PolicyHolder()
const { api, call } = await memoryApi({
  policy: {
    get: async () => holder.policy,
    async set(policy) {
      holder.replace(policy)
      return holder.policy
    },
  },
})
t.teardown(() => api.close())

const night = { days: ['mon', 'sun'] as ('mon' | 'sun')[], from: '22:00', to: '06:00' }
const policy: Policy = {
  timeZone: 'Europe/Berlin',
  bandwidth: {
    bytesPerSecond: 1_000_000,
    timetable: [
      { window: night, bytesPerSecond: null },
      { window: { days: ['sat'], from: '00:00', to: '24:00' }, bytesPerSecond: 65_536 },
    ],
  },
  blackouts: [{ window: { days: ['wed'], from: '09:00', to: '17:30' }, holdTransfers: true }],
  datastoreFloor: { percent: 5, bytes: 2 ** 40 },
  pauseAfterFailures: 0,
  snapshotAgeHours: 12,
}

t.test('the policy starts as the default, and is what was put last, whole', async t => {
  t.same((await call('GET', '/api/policy')).body, defaultPolicy)
  t.same(await call('PUT', '/api/policy', policy), { status: 200, body: policy })
  t.same((await call('GET', '/api/policy')).body, policy)
  const { bytesPerSecond: _none, ...bandwidth } = policy.bandwidth
  t.same((await call('PUT', '/api/policy', { ...policy, bandwidth })).body, { ...policy, bandwidth })
})

t.test('what has not the documented form is refused, and the policy stays', async t => {
  const before = (await call('GET', '/api/policy')).body
  const { timeZone: _none, ...withoutZone } = policy
  const window = (changes: object) => ({
    ...policy,
    blackouts: [{ window: { ...night, ...changes }, holdTransfers: true }],
  })
  const bad: object[] = [
    {},
    withoutZone,
    { ...policy, colour: 'green' },
    { ...policy, timeZone: '../etc/passwd' },
    { ...policy, timeZone: 'Europe/Berlin ' },
    { ...policy, bandwidth: {} },
    { ...policy, bandwidth: { bytesPerSecond: 0, timetable: [] } },
    { ...policy, bandwidth: { bytesPerSecond: 65_535, timetable: [] } },
    { ...policy, bandwidth: { bytesPerSecond: 1e6 + 0.5, timetable: [] } },
    { ...policy, bandwidth: { bytesPerSecond: null, timetable: [] } },
    { ...policy, bandwidth: { timetable: [{ window: night }] } },
    { ...policy, bandwidth: { timetable: Array(101).fill({ window: night, bytesPerSecond: null }) } },
    { ...policy, blackouts: [{ window: night }] },
    window({ from: '24:00' }),
    window({ from: '9:00' }),
    window({ to: '24:01' }),
    window({ to: '17:60' }),
    window({ to: '17:30\n' }),
    window({ days: [] }),
    window({ days: ['mon', 'mon'] }),
    window({ days: ['monday'] }),
    window({ days: ['mon'], zone: 'UTC' }),
    { ...policy, datastoreFloor: { percent: 91, bytes: 0 } },
    { ...policy, datastoreFloor: { percent: 5 } },
    { ...policy, pauseAfterFailures: -1 },
    { ...policy, snapshotAgeHours: 0 },
  ]
  for (const body of bad) {
    const answer = await call('PUT', '/api/policy', body)
    t.match(answer, { status: 400, body: { code: 'INVALID_REQUEST' } }, JSON.stringify(body).slice(0, 200))
  }
  t.same((await call('GET', '/api/policy')).body, before)
})

t.test('what has the form but cannot be kept is refused by name', async t => {
  const before = (await call('GET', '/api/policy')).body
  const always = { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '00:00', to: '24:00' }
  for (const body of [
    { ...policy, timeZone: 'Europe/Atlantis' },
    { ...policy, blackouts: [{ window: always, holdTransfers: false }] },
  ]) {
    const answer = await call('PUT', '/api/policy', body)
    t.match(answer, { status: 400, body: { code: 'POLICY_INVALID', hint: /./ } })
  }
  t.same((await call('GET', '/api/policy')).body, before)
})
