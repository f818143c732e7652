// The scheduler, with a clock that the test moves.
import t from 'tap'
import type { Job } from '../../appliance/domain.ts'
import { Scheduler } from '../../appliance/schedule/scheduler.ts'

const job = (id: string, everyHours?: number): Job => ({
  id,
  serverId: id,
  serverName: id,
  schedule: { startAt: '2026-01-01T00:00:00Z', ...(everyHours ? { everyHours } : {}) },
  settings: { licence: 'auto', imageMethod: 'registered', encrypted: false, retention: 1, tags: {} },
  state: 'active',
  createdAt: '2026-01-01T00:00:00Z',
})

function setUp(due: Job[], start: (job: Job) => Promise<boolean> = async () => true) {
  const events: string[] = []
  const errors: unknown[] = []
  const scheduler = new Scheduler({
    jobs: {
      due: async () => due,
      reschedule: async (job, next) => void events.push(`${job.id} next ${next?.toISOString() ?? 'never'}`),
    },
    start: job => {
      events.push(`${job.id} start`)
      return start(job)
    },
    now: () => new Date('2026-01-01T02:30:00Z'),
    onError: error => errors.push(error),
    tickMs: 1,
  })
  return { scheduler, events, errors }
}

t.test('the next time is stored before a run starts', async t => {
  const { scheduler, events } = setUp([job('hourly', 1), job('once')])
  await scheduler.look()
  t.same(events, ['hourly next 2026-01-01T03:00:00.000Z', 'hourly start', 'once next never', 'once start'])
})

t.test('a run that cannot start does not keep the other jobs from theirs', async t => {
  const { scheduler, events, errors } = setUp([job('a'), job('b')], async ({ id }) => {
    if (id === 'a') throw new Error('not now')
    return true
  })
  await scheduler.look()
  t.ok(events.includes('b start'))
  t.match(errors, [{ message: 'not now' }])
})

t.test('it looks again and again until it is stopped', async t => {
  const { scheduler, events } = setUp([job('a', 1)])
  scheduler.start()
  while (events.filter(event => event === 'a start').length < 2) await new Promise(resolve => setImmediate(resolve))
  await scheduler.stop()
  const count = events.length
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(events.length, count)
})
