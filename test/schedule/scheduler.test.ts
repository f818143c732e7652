// The scheduler, with a clock that the test moves.
import t from 'tap'
import type { Job, Policy, Schedule } from '../../appliance/domain.ts'
import { defaultPolicy } from '../../appliance/schedule/policy.ts'
import { Scheduler } from '../../appliance/schedule/scheduler.ts'

const minuteMs = 60_000
const midnight = '2026-01-01T00:00:00Z'

interface World {
  jobs: Map<string, Job>
  events: string[]
  errors: unknown[]
  scheduler: Scheduler
  /** Moves both clocks; `jump` moves the one on the wall alone. */
  pass(minutes: number): void
  jump(minutes: number): void
  set(time: string): void
  policy: Policy
  /** Jobs whose last run still goes on. */
  busy: Set<string>
  /** What fails next. */
  fail: string | undefined
}

function world(now: string, ...schedules: (Partial<Schedule> & { nextRunAt?: string })[]): World {
  let nowMs = Date.parse(now)
  let monotonicMs = 5
  const short = (instant: Date) => instant.toISOString().replace('.000Z', 'Z').replace(':00Z', 'Z')
  const jobs = new Map(
    schedules.map(({ nextRunAt, ...schedule }, index): [string, Job] => {
      const id = String.fromCharCode(97 + index)
      const whole = { startAt: midnight, ...schedule }
      return [
        id,
        {
          id,
          serverId: id,
          serverName: id,
          schedule: whole,
          settings: { licence: 'auto', imageMethod: 'registered', encrypted: false, retention: 1, tags: {} },
          state: 'active',
          createdAt: midnight,
          failuresInARow: 0,
          nextRunAt: nextRunAt ?? whole.startAt,
        },
      ]
    }),
  )
  const self: World = {
    jobs,
    events: [],
    errors: [],
    pass(minutes) {
      nowMs += minutes * minuteMs
      monotonicMs += minutes * minuteMs
    },
    jump(minutes) {
      nowMs += minutes * minuteMs
    },
    set(time) {
      nowMs = Date.parse(time)
    },
    policy: defaultPolicy,
    busy: new Set(),
    fail: undefined,
    scheduler: new Scheduler({
      jobs: {
        due: async at =>
          [...jobs.values()].filter(
            ({ state, nextRunAt }) => state === 'active' && nextRunAt && Date.parse(nextRunAt) <= at.getTime(),
          ),
        async *active() {
          yield* [...jobs.values()].filter(({ state }) => state === 'active')
        },
        async reschedule(job, plan) {
          if (self.fail === 'reschedule') throw new Error('the appliance was killed')
          const stored = jobs.get(job.id)
          if (!stored || stored.nextRunAt !== job.nextRunAt) return
          const { nextRunAt, ...rest } = plan
          const { nextRunAt: _, ...kept } = stored
          jobs.set(job.id, { ...kept, ...rest, ...(nextRunAt ? { nextRunAt } : {}) })
          self.events.push(`${job.id} next ${nextRunAt ? short(new Date(nextRunAt)) : 'never'}`)
        },
      },
      policy: () => self.policy,
      async start(job, plannedAt) {
        if (self.fail === job.id) throw new Error('not now')
        if (self.busy.has(job.id)) return false
        self.events.push(`${job.id} start ${short(plannedAt)}`)
        return true
      },
      async missed(job, plannedAt) {
        self.events.push(`${job.id} missed ${short(plannedAt)}`)
      },
      async skipped(job, plannedAt) {
        self.events.push(`${job.id} skipped ${short(plannedAt)}`)
      },
      now: () => new Date(nowMs),
      monotonicMs: () => monotonicMs,
      onError: error => void self.errors.push(error),
      tickMs: 1,
      toleranceMs: 15 * minuteMs,
    }),
  }
  return self
}

const startsOf = (events: string[]) => events.filter(event => event.includes(' start '))

t.test("a run's record is stored before the job's next time", async t => {
  const { scheduler, events } = world('2026-01-01T00:00:30Z', { everyHours: 5 }, {})
  await scheduler.look()
  t.match(events, ['a start 2026-01-01T00:00Z', /^a next 2026-01-01T05:0/, 'b start 2026-01-01T00:00Z', 'b next never'])
})

t.test(
  'a crash between start and next time asks for the same run again, which its planned time identifies',
  async t => {
    const site = world('2026-01-01T00:00:30Z', { everyHours: 5 })
    site.fail = 'reschedule'
    await site.scheduler.look()
    t.match(site.errors, [{ message: 'the appliance was killed' }])
    site.fail = undefined
    await site.scheduler.look()
    t.strictSame(startsOf(site.events), ['a start 2026-01-01T00:00Z', 'a start 2026-01-01T00:00Z'])
    await site.scheduler.look()
    t.equal(startsOf(site.events).length, 2)
  },
)

t.test('what was served is remembered', async t => {
  const { scheduler, jobs } = world('2026-01-01T00:00:30Z', { everyHours: 5 })
  await scheduler.look()
  t.equal(jobs.get('a')?.lastPlannedAt, '2026-01-01T00:00:00.000Z')
})

t.test('a run that cannot start does not keep the other jobs from theirs, and stays due', async t => {
  const site = world('2026-01-01T00:00:30Z', { everyHours: 5 }, { everyHours: 5 })
  site.fail = 'a'
  await site.scheduler.look()
  t.strictSame(startsOf(site.events), ['b start 2026-01-01T00:00Z'])
  t.match(site.errors, [{ message: 'not now' }])
  site.fail = undefined
  await site.scheduler.look()
  t.ok(site.events.includes('a start 2026-01-01T00:00Z'))
})

t.test('a run whose predecessor still goes on is skipped to the next interval', async t => {
  const site = world('2026-01-01T00:00:30Z', { everyHours: 5 })
  site.busy.add('a')
  await site.scheduler.look()
  t.match(site.events, ['a skipped 2026-01-01T00:00Z', /^a next 2026-01-01T05:0/])
})

t.test('a single run waits for the one that goes on', async t => {
  const site = world('2026-01-01T00:00:30Z', {})
  site.busy.add('a')
  await site.scheduler.look()
  t.strictSame(site.events, [])
  site.busy.clear()
  site.pass(60)
  await site.scheduler.look()
  t.strictSame(site.events, ['a start 2026-01-01T00:00Z', 'a next never'])
})

t.test('a run that was missed is marked, and skipped or made up for once', async t => {
  const site = world(
    '2026-01-03T01:00:00Z',
    { everyHours: 5 },
    { everyHours: 5, whenMissed: 'run' },
    {},
    { whenMissed: 'skip' },
  )
  await site.scheduler.look()
  t.match(site.events, [
    'a missed 2026-01-01T00:00Z',
    /^a next 2026-01-03T02:0/,
    'b start 2026-01-01T00:00Z',
    /^b next 2026-01-03T02:0/,
    'c start 2026-01-01T00:00Z',
    'c next never',
    'd missed 2026-01-01T00:00Z',
    'd next never',
  ])
  t.equal(site.jobs.get('d')?.state, 'ended')
  t.equal(site.jobs.get('a')?.state, 'active')
  await site.scheduler.look()
  t.equal(site.events.length, 8, 'and not once more')
})

t.test('nothing starts in a blackout; it starts after it, as planned anew and not as missed', async t => {
  const site = world('2026-01-01T00:00:30Z', { everyHours: 24 }, {})
  site.policy = {
    ...defaultPolicy,
    blackouts: [{ window: { days: ['thu'], from: '00:00', to: '04:00' }, holdTransfers: false }],
  }
  await site.scheduler.look()
  t.match(site.events, [/^a next 2026-01-01T04:0/, 'b next 2026-01-01T04:00Z'])
  site.pass(4 * 60 + 6)
  await site.scheduler.look()
  t.match(startsOf(site.events), [/^a start 2026-01-01T04:0/, 'b start 2026-01-01T04:00Z'])
})

t.test('after a blackout, a run still waits for its windows', async t => {
  const site = world('2026-01-01T00:00:30Z', { windows: [{ days: ['thu', 'fri'], from: '00:00', to: '02:00' }] })
  site.policy = {
    ...defaultPolicy,
    blackouts: [{ window: { days: ['thu'], from: '00:00', to: '04:00' }, holdTransfers: false }],
  }
  await site.scheduler.look()
  t.strictSame(site.events, ['a next 2026-01-02T00:00Z'])
})

t.test('a missed run is made up for inside its windows only; one a little late was planned inside', async t => {
  const windows: Schedule['windows'] = [{ days: ['thu', 'fri'], from: '00:00', to: '00:01' }]
  const site = world('2026-01-01T09:00:00Z', { windows })
  await site.scheduler.look()
  t.strictSame(site.events, ['a next 2026-01-02T00:00Z'])
  site.set('2026-01-02T00:05:00Z')
  // The clock jumped: it is believed after some looks.
  for (let look = 0; look < 4; look++) await site.scheduler.look()
  t.strictSame(startsOf(site.events), ['a start 2026-01-02T00:00Z'])
})

t.test('a clock that jumps ahead and is set right again does no harm', async t => {
  const site = world('2026-01-01T00:00:30Z', { everyHours: 5 }, { startAt: '2026-01-02T00:00:00Z', whenMissed: 'skip' })
  await site.scheduler.look()
  const before = site.events.length
  site.jump(10 * 24 * 60)
  await site.scheduler.look()
  await site.scheduler.look()
  site.jump(-10 * 24 * 60)
  await site.scheduler.look()
  t.equal(site.events.length, before)
})

t.test(
  'a clock that stays ahead is believed; set back later, the next run is brought back and nothing repeats',
  async t => {
    const site = world('2026-01-01T00:00:30Z', { everyHours: 5 })
    await site.scheduler.look()
    site.jump(10 * 24 * 60)
    for (let look = 0; look < 4; look++) await site.scheduler.look()
    t.ok(
      site.events.includes('a missed 2026-01-01T05:00Z') ||
        site.events.some(event => /missed 2026-01-01T05/.test(event)),
    )
    t.match(site.events.at(-1), /^a next 2026-01-11T/)
    site.jump(-10 * 24 * 60)
    await site.scheduler.look()
    t.match(site.events.at(-1), /^a next 2026-01-01T10:0/, '05:00 counts as served')
  },
)

t.test('what was planned by a wrong clock is brought back at the start of the appliance, too', async t => {
  const site = world('2026-01-01T00:10:00Z', { everyHours: 5, nextRunAt: '2031-01-01T00:00:00Z' })
  await site.scheduler.look()
  t.match(site.events, [/^a next 2026-01-01T05:0/])
})

t.test('a clock that is set back repeats nothing', async t => {
  const site = world('2026-01-01T00:00:30Z', { everyHours: 1 })
  await site.scheduler.look()
  site.jump(-30)
  await site.scheduler.look()
  site.pass(31)
  await site.scheduler.look()
  t.strictSame(startsOf(site.events), ['a start 2026-01-01T00:00Z'])
})

t.test('a job without a next time is left alone', async t => {
  const site = world('2026-01-01T00:10:00Z', {})
  site.jobs.set('a', { ...(site.jobs.get('a') as Job), state: 'paused' })
  await site.scheduler.look()
  t.strictSame(site.events, [])
})

t.test('years of random outages and jumps: nothing starts twice, and nothing is lost in silence', async t => {
  const site = world(
    '2026-01-01T00:00:00Z',
    { everyHours: 6, timeZone: 'Europe/Berlin' },
    { everyHours: 7, whenMissed: 'run' },
  )
  let seed = 7
  const chance = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  for (let look = 0; look < 6000; look++) {
    await site.scheduler.look()
    site.pass(chance(200) === 0 ? chance(3000) : 5)
    if (chance(300) === 0) site.jump(chance(120) - 60)
  }
  const dealt = site.events.filter(event => !event.includes(' next '))
  t.equal(new Set(dealt).size, dealt.length, 'each planned time once')
  t.ok(dealt.length > 100 && dealt.some(event => event.includes('missed')), `${dealt.length} runs`)
  t.equal(dealt.filter(event => event.startsWith('b missed')).length, 0, 'made up for')
})

t.test('it looks again and again until it is stopped', async t => {
  const site = world('2026-01-01T00:00:30Z', { everyHours: 5 })
  let looks = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const scheduler = new Scheduler({
    jobs: {
      async due() {
        if (++looks === 2) resolve()
        if (looks === 1) throw new Error('the store is away')
        return []
      },
      async *active() {
        // No job has a next run to be brought back.
      },
      reschedule: async () => undefined,
    },
    policy: async () => defaultPolicy,
    start: async () => true,
    missed: async () => undefined,
    skipped: async () => undefined,
    now: () => new Date(),
    onError: error => void site.errors.push(error),
    tickMs: 1,
    toleranceMs: minuteMs,
  })
  scheduler.start()
  await promise
  await scheduler.stop()
  const count = looks
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(looks, count)
  t.match(site.errors, [{ message: 'the store is away' }])
})

t.test('a stop leaves what has not begun to the next start', async t => {
  const site = world('2026-01-01T00:00:30Z', { everyHours: 5 })
  await site.scheduler.stop()
  await site.scheduler.look()
  t.strictSame(site.events, [])
})
