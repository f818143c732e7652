// Several at once, one failure for all.
import t from 'tap'
import { allOrFirstFailure } from '../../appliance/replication/all-or-first-failure.ts'

t.test('the first failure is the one thrown, and nothing goes on behind its back', async t => {
  const failed = new AbortController()
  const slow = new Promise<void>((_resolve, reject) => {
    failed.signal.addEventListener('abort', () => setImmediate(() => reject(new Error('aborted'))))
  })
  let slowEnded = false
  const watched = slow.finally(() => {
    slowEnded = true
  })
  await t.rejects(allOrFirstFailure([watched, Promise.reject(new Error('first'))], failed), { message: 'first' })
  t.ok(slowEnded)
  t.match(failed.signal.reason, { message: 'first' })
})

t.test('when all succeed nobody is aborted', async t => {
  const failed = new AbortController()
  await allOrFirstFailure([Promise.resolve(), Promise.resolve()], failed)
  t.notOk(failed.signal.aborted)
})
