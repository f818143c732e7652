// One check: its answer, its errors by name, its time.
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { type Check, failed, findingOf, notYet, runCheck, success, warning } from '../../appliance/health/check.ts'

// Time-outs of signals keep no process alive.
const alive = setInterval(() => undefined, 1_000)
t.teardown(() => clearInterval(alive))

const now = () => new Date('2026-03-01T00:00:00Z')
const base = { id: 'aws.x', group: 'aws', title: 'X' } as const
const errors: unknown[] = []
const run = (check: Omit<Check, 'id' | 'group' | 'title'>, signal = new AbortController().signal) =>
  runCheck({ ...base, ...check }, { signal, now, onError: thrown => errors.push(thrown) })

t.test('the four answers have their form', async t => {
  t.same(success(), { state: 'success' })
  t.same(success('so'), { state: 'success', cause: 'so' })
  t.same(warning('a', 'b'), { state: 'warning', cause: 'a', fix: 'b' })
  t.same(failed('a', 'b'), { state: 'error', cause: 'a', fix: 'b' })
  t.same(notYet('a'), { state: 'notStarted', cause: 'a' })
})

t.test('an answer comes with its time', async t => {
  const result = await run({ run: async () => success() })
  t.match(result, { ...base, state: 'success', at: '2026-03-01T00:00:00.000Z', tookMs: Number })
})

t.test('a named error is the finding; what is not set up does not apply yet; the rest only the log hears', async t => {
  const named = new ApplianceError('AWS_UNREACHABLE', 'Away', { hint: 'Look' })
  t.match(await run({ run: () => Promise.reject(named) }), { state: 'error', cause: 'Away', fix: 'Look' })
  const unset = new ApplianceError('NOT_CONFIGURED', 'Not yet', { hint: 'Enter it' })
  t.match(await run({ run: () => Promise.reject(unset) }), { state: 'notStarted', cause: 'Not yet' })
  t.equal(errors.length, 0)
  const odd = new Error('secret inside')
  t.notMatch(JSON.stringify(await run({ run: () => Promise.reject(odd) })), /secret/)
  t.same(errors, [odd])
  t.match(findingOf(new ApplianceError('INTERNAL', 'secret inside', { hint: '' }), () => undefined).cause, /itself/)
})

t.test('a check that does not answer ends with its time, or with the appliance', async t => {
  const hangs = { timeoutMs: 20, run: () => new Promise<never>(() => undefined) }
  t.match(await run(hangs), { state: 'error', cause: /0\.02 s/ })
  t.match(await run({ ...hangs, timeoutMs: 60_000 }, AbortSignal.abort()), { state: 'error' })
})

t.test('a check is told when its time is over', async t => {
  let told = false
  await run({
    timeoutMs: 20,
    run: signal =>
      new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          told = true
          reject(signal.reason)
        }),
      ),
  })
  t.ok(told)
})
