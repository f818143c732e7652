// Rounds of checks: one at a time, told as they go, repeated by themselves.
import { mock } from 'node:test'
import t from 'tap'
import type { Check, CheckResult } from '../../appliance/health/check.ts'
import { Health } from '../../appliance/health/health.ts'

const check = (id: string, run: Check['run']): Check => ({ id, group: 'appliance', title: id, run })
const good = async () => ({ state: 'success' }) as const

function health(checks: Check[], options: { everyMs?: number; publish?: (result: CheckResult) => void } = {}) {
  const errors: unknown[] = []
  const published: CheckResult[] = []
  const made = new Health({
    checks,
    publish: result => published.push(result),
    now: () => new Date('2026-03-01T00:00:00Z'),
    onError: thrown => errors.push(thrown),
    ...options,
  })
  t.teardown(() => made.stop())
  return { made, published, errors }
}

t.test('before the first round every check is there, not started', async t => {
  const { made } = health([check('a', good)])
  t.same(made.view(), { checks: [{ id: 'a', group: 'appliance', title: 'a', state: 'notStarted' }], running: false })
})

t.test('each check is told of as it begins and ends, in the order of the table in the view', async t => {
  const { made, published } = health([check('a', good), check('b', async () => ({ state: 'error', cause: 'x' }))])
  const { started, done } = made.run()
  t.equal(started, true)
  t.equal(made.view().running, true)
  t.match(made.view().checks, [
    { id: 'a', state: 'inProgress' },
    { id: 'b', state: 'inProgress' },
  ])
  await done
  t.match(made.view(), {
    running: false,
    at: '2026-03-01T00:00:00.000Z',
    checks: [
      { id: 'a', state: 'success' },
      { id: 'b', state: 'error', cause: 'x' },
    ],
  })
  t.same(published.map(({ id, state }) => `${id} ${state}`).sort(), [
    'a inProgress',
    'a success',
    'b error',
    'b inProgress',
  ])
})

t.test(
  'a second round joins the one under way; a check that is asked again keeps the time of its last answer',
  async t => {
    let asked = 0
    const gate = Promise.withResolvers<void>()
    const { made } = health([
      check('a', async () => {
        if (++asked > 1) await gate.promise
        return { state: 'success' }
      }),
    ])
    await made.run().done
    const second = made.run()
    const joined = made.run()
    t.equal(joined.started, false)
    t.equal(joined.done, second.done)
    t.match(made.view().checks[0], { state: 'inProgress', at: '2026-03-01T00:00:00.000Z' })
    gate.resolve()
    await second.done
    t.equal(asked, 2)
  },
)

t.test('not more than four checks are asked at once', async t => {
  let now = 0
  let most = 0
  const slow = async () => {
    most = Math.max(most, ++now)
    await new Promise(setImmediate)
    now--
    return { state: 'success' } as const
  }
  await health(Array.from({ length: 12 }, (_, index) => check(String(index), slow))).made.run().done
  t.equal(most, 4)
})

t.test('rounds repeat by themselves until the appliance stops', async t => {
  let asked = 0
  const third = Promise.withResolvers<void>()
  const { made } = health(
    [
      check('a', async () => {
        if (++asked === 3) third.resolve()
        return { state: 'success' }
      }),
    ],
    { everyMs: 1 },
  )
  made.start()
  const alive = setTimeout(() => undefined, 10_000)
  await third.promise
  clearTimeout(alive)
  await made.stop()
  const before = asked
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(asked, before)
})

t.test('stopping gives up what is under way; a reader that fails ends nothing', async t => {
  const { made, errors } = health([check('a', () => new Promise(() => undefined)), check('b', good)], {
    publish: () => {
      throw new Error('reader')
    },
  })
  made.start()
  await made.stop()
  t.notOk(made.view().at, 'a round that was given up is none')
  t.ok(errors.length > 0)
})

t.test('a costly check is asked by itself only when its answer has aged, and always on demand', async t => {
  let asked = 0
  let at = new Date('2026-03-01T00:00:00Z')
  const costly = {
    ...check('a', async () => {
      asked++
      return { state: 'success' } as const
    }),
    everyMs: 3_600_000,
  }
  const made = new Health({ checks: [costly], publish: () => undefined, now: () => at, onError: () => undefined })
  t.teardown(() => made.stop())
  const round = async () => {
    made.start()
    await made.run().done
  }
  await round()
  t.equal(asked, 1)
  await round()
  t.equal(asked, 1, 'not again')
  at = new Date('2026-03-01T01:00:00Z')
  await round()
  t.equal(asked, 2, 'after an hour')
  await made.run().done
  t.equal(asked, 3, 'on demand')
})

t.test('with no interval nothing is asked until somebody asks', async t => {
  let asked = 0
  const { made } = health(
    [
      check('a', async () => {
        asked++
        return { state: 'success' }
      }),
    ],
    { everyMs: 0 },
  )
  made.start()
  t.equal(made.view().running, false)
  await made.run().done
  t.equal(asked, 1)
})

t.test('failing checks of a side that works again are asked at once, at most every half minute', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'] })
  t.teardown(() => mock.timers.reset())
  const asked: string[] = []
  const answers: Record<string, 'success' | 'error'> = { 'vcenter.login': 'error', 'aws.s3': 'error', good: 'success' }
  const of = (id: string, group: Check['group']): Check => ({
    ...{ id, group, title: id },
    async run() {
      asked.push(id)
      return { state: answers[id] ?? 'success' }
    },
  })
  const made = new Health({
    checks: [of('vcenter.login', 'vcenter'), of('good', 'vcenter'), of('aws.s3', 'aws')],
    publish: () => undefined,
    now: () => new Date(),
    onError: () => undefined,
    everyMs: 0,
  })
  const pass = async (ms: number) => {
    mock.timers.tick(ms)
    for (let turn = 0; turn < 50; turn++) await Promise.resolve()
  }
  await made.run().done
  asked.length = 0

  made.askAgain(['vcenter'])
  made.askAgain(['vcenter'])
  await pass(1)
  t.strictSame(asked, ['vcenter.login'], 'neither what succeeds nor the other side')
  answers['vcenter.login'] = 'success'
  made.askAgain(['vcenter'])
  made.askAgain(['aws'])
  await pass(29_000)
  t.equal(asked.length, 1, 'not yet')
  await pass(1_000)
  t.strictSame(asked.slice(1), ['vcenter.login', 'aws.s3'])
  t.match(made.view(), { running: false, checks: [{ state: 'success' }, { state: 'success' }, { state: 'error' }] })
  made.askAgain(['vcenter'])
  await pass(60_000)
  t.equal(asked.length, 3, 'nothing of it fails any more')
  made.askAgain(['aws'])
  await made.stop()
  await pass(60_000)
  t.equal(asked.length, 3, 'nor after the end')
})
