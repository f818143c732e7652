// Queues of work.
import t from 'tap'
import { oneAtATime } from '../appliance/one-at-a-time.ts'

t.test('work follows work, whatever became of the one before; a failure goes to its caller alone', async t => {
  const inTurn = oneAtATime()
  const seen: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = inTurn(async () => {
    seen.push('first begins')
    await gate.promise
    seen.push('first ends')
    throw new Error('its own')
  })
  const second = inTurn(async () => {
    seen.push('second')
    return 2
  })
  await Promise.resolve()
  t.same(seen, ['first begins'])
  gate.resolve()
  await t.rejects(first, { message: 'its own' })
  t.equal(await second, 2)
  t.same(seen, ['first begins', 'first ends', 'second'])
})
