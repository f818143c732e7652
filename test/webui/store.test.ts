import t from 'tap'
import { createStore } from '../../webui/store.ts'

t.test('followers hear of each new value until they leave', async t => {
  const store = createStore(1)
  const heard: number[] = []
  const leave = store.follow(value => heard.push(value))
  store.set(2)
  store.set(2)
  store.set(3)
  leave()
  store.set(4)
  t.strictSame(heard, [2, 3])
  t.equal(store.get(), 4)
})
