// The setup's progress in the database.
import t from 'tap'
import { openAccess } from './access-rows.ts'

t.test('a step is done when it was done first, until it is not', async t => {
  const { progress } = openAccess(t)
  t.equal((await progress.done()).size, 0)
  await progress.setDone('aws', new Date(1000))
  await progress.setDone('aws', new Date(2000))
  await progress.setDone('licence', new Date(3000))
  t.strictSame([...(await progress.done())].sort(), [
    ['aws', new Date(1000)],
    ['licence', new Date(3000)],
  ])
  await progress.setNotDone('aws')
  await progress.setNotDone('aws')
  t.strictSame([...(await progress.done()).keys()], ['licence'])
})
