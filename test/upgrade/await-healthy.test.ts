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

t.test('three good answers in a row are well, whatever came before', async t => {
  const { ask, asked } = answers(new Error('refused'), false, true, true, new Error('fell over'), true, false, true)
  await awaitHealthy({ ask, signal, everyMs: 0 })
  t.equal(asked(), 10)
})

t.test('one that does not become well in time is not, and the last reason is kept', async t => {
  const reason = new Error('refused')
  const late = { code: 'UPGRADE_FAILED', message: /within 0.05 seconds/ }
  await t.rejects(awaitHealthy({ ask: answers(reason).ask, signal, everyMs: 1, withinMs: 50 }), {
    ...late,
    cause: reason,
  })
  await t.rejects(
    awaitHealthy({ ask: answers(true, false, true, true, false).ask, signal, everyMs: 1, withinMs: 50 }),
    late,
  )
  // With something that keeps the process alive, as a socket does.
  const silent = (asking: AbortSignal) => delay(60_000, false, { signal: asking })
  await t.rejects(awaitHealthy({ ask: silent, signal, everyMs: 1, withinMs: 50 }), late)
})

t.test('it can be given up', async t => {
  const reason = new Error('given up')
  await t.rejects(awaitHealthy({ ask: answers(false).ask, signal: AbortSignal.abort(reason), everyMs: 1 }), reason)
})
