// Waiting for another process of the appliance.
import t from 'tap'
import { awaitRestart } from '../../../webui/machine/await-restart.ts'

const never = () => new AbortController().signal

t.test('it is back when another process answers, not while the old one still does', async t => {
  const answers = ['old', 'old', undefined, 'new']
  const startedAt = async () => {
    const answer = answers.shift()
    if (answer === undefined) throw new Error('nobody answers')
    return answer
  }
  t.equal(await awaitRestart({ before: 'old', startedAt, signal: never(), everyMs: 1 }), true)
  t.equal(answers.length, 0)
})

t.test('when nobody knows which one was there, it has to have been away', async t => {
  const answers = ['one', undefined, 'one']
  const startedAt = async () => {
    const answer = answers.shift()
    if (answer === undefined) throw new Error('nobody answers')
    return answer
  }
  t.equal(await awaitRestart({ before: undefined, startedAt, signal: never(), everyMs: 1 }), true)
  t.equal(answers.length, 0)
})

t.test('whoever waits can give up', async t => {
  const controller = new AbortController()
  const waiting = awaitRestart({
    before: 'old',
    async startedAt() {
      controller.abort()
      return 'old'
    },
    signal: controller.signal,
  })
  t.equal(await waiting, false)
})
