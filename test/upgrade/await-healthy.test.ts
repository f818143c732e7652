// How long a new release has to become well.
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { awaitHealthy } from '../../appliance/upgrade/await-healthy.ts'

const signal = new AbortController().signal

/** Answers in turn; the last one for ever. */
function answers(...given: (boolean | Error)[]) {
  let asked = 0
  const ask = async () => {
    const answer = given[Math.min(asked++, given.length - 1)]
    if (answer instanceof Error) throw answer
    return answer === true
  }
  return { ask, asked: () => asked }
}

t.test('well for some time without one other answer is well, whatever came before', async t => {
  const before = [new Error('refused'), false, true, new Error('fell over'), true, false]
  const { ask, asked } = answers(...before, true)
  const startedAtMs = performance.now()
  await awaitHealthy({ ask, signal, everyMs: 1, steadyMs: 40 })
  t.ok(performance.now() - startedAtMs >= 40)
  t.ok(asked() > before.length + 1, `asked ${asked()} times`)
})

t.test('who becomes well at the last moment has its time to stay so', async () => {
  let well = false
  setTimeout(() => {
    well = true
  }, 30)
  await awaitHealthy({ ask: async () => well, signal, everyMs: 1, withinMs: 60, steadyMs: 100 })
})

t.test('one that does not become well in time is not, and the last reason is kept', async t => {
  const reason = new Error('refused')
  const late = { code: 'UPGRADE_FAILED', message: /within 0.05 seconds/ }
  await t.rejects(awaitHealthy({ ask: answers(reason).ask, signal, everyMs: 1, withinMs: 50 }), {
    ...late,
    cause: reason,
  })
  let turn = 0
  const falling = async () => ++turn % 4 !== 0
  await t.rejects(awaitHealthy({ ask: falling, signal, everyMs: 1, withinMs: 50, steadyMs: 1000 }), late)
  // With something that keeps the process alive, as a socket does.
  const silent = (asking: AbortSignal) => delay(60_000, false, { signal: asking })
  await t.rejects(awaitHealthy({ ask: silent, signal, everyMs: 1, withinMs: 50 }), late)
})

t.test('it can be given up', async t => {
  const reason = new Error('given up')
  await t.rejects(awaitHealthy({ ask: answers(false).ask, signal: AbortSignal.abort(reason), everyMs: 1 }), reason)
})
