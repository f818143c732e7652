import t from 'tap'
import { createPartBuffers } from '../../appliance/aws/part-buffers.ts'

const turn = () => new Promise(resolve => setImmediate(resolve))

t.test('bytes handed out never exceed the budget, whatever is asked for in whatever order', async t => {
  let seed = 7
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed / 2147483648
  }
  const buffers = createPartBuffers(100)
  let most = 0
  const disk = async () => {
    const owner = Symbol('disk')
    for (let i = 0; i < 50; i++) {
      const buffer = await buffers.acquire(owner, 10 + Math.floor(random() * 3) * 10)
      most = Math.max(most, buffers.inUseBytes)
      if (random() < 0.5) await turn()
      buffers.release(owner, buffer)
    }
  }
  await Promise.all(Array.from({ length: 8 }, disk))
  t.ok(most <= 100, `at most ${most}`)
  t.ok(most >= 90, 'and the budget is used')
  t.equal(buffers.inUseBytes, 0)
})

t.test('a released buffer is used again, and stands on shared memory', async t => {
  const buffers = createPartBuffers(30)
  const owner = Symbol('disk')
  const first = await buffers.acquire(owner, 10)
  t.ok(first.buffer instanceof SharedArrayBuffer)
  buffers.release(owner, first)
  t.equal(await buffers.acquire(owner, 10), first)
})

t.test('whoever holds the fewest bytes is served first', async t => {
  const buffers = createPartBuffers(30)
  const [greedy, modest] = [Symbol('greedy'), Symbol('modest')]
  const held = [await buffers.acquire(greedy, 10), await buffers.acquire(greedy, 10), await buffers.acquire(greedy, 10)]
  const served: string[] = []
  const more = buffers.acquire(greedy, 10).then(() => served.push('greedy'))
  const one = buffers.acquire(modest, 10).then(() => served.push('modest'))
  for (const buffer of held.splice(0, 2)) buffers.release(greedy, buffer)
  await Promise.all([more, one])
  t.same(served, ['modest', 'greedy'])
})

t.test('an owner alone may hold two parts larger than the budget, not three', async t => {
  const buffers = createPartBuffers(15)
  const [disk, other] = [Symbol('disk'), Symbol('other')]
  const first = await buffers.acquire(disk, 10)
  const second = await buffers.acquire(disk, 10)
  let others = false
  const waiting = buffers.acquire(other, 10).then(() => {
    others = true
  })
  let third = false
  const last = buffers.acquire(disk, 10).then(() => {
    third = true
  })
  buffers.release(disk, first)
  await turn()
  t.notOk(third || others, 'the other is next, and does not fit beside the disk')
  buffers.release(disk, second)
  await waiting
  await turn()
  t.notOk(third, 'nor does the disk beside the other')
  buffers.release(other, first)
  await last
})

t.test('an aborted wait leaves the queue and lets the next one in', async t => {
  const buffers = createPartBuffers(10)
  const [a, b, c] = [Symbol('a'), Symbol('b'), Symbol('c')]
  const held = await buffers.acquire(a, 10)
  const stop = new AbortController()
  const leaving = buffers.acquire(b, 10, stop.signal)
  const staying = buffers.acquire(c, 10)
  stop.abort(new Error('cancelled'))
  await t.rejects(leaving, { message: 'cancelled' })
  buffers.release(a, held)
  t.equal(await staying, held)
  await t.rejects(buffers.acquire(b, 10, stop.signal), { message: 'cancelled' })
})
