// Counted slots.
import t from 'tap'
import { connectorSlots, defaultCaps, Slots } from '../../appliance/replication/slots.ts'

const never = new AbortController().signal
const settled = () => new Promise(resolve => setImmediate(resolve))

t.test('no more holders than the limit, and a release lets the next one in', async t => {
  const slots = new Slots(() => 2)
  const first = await slots.acquire(['a'], never)
  await slots.acquire(['a'], never)
  let third = false
  const waiting = slots.acquire(['a'], never).then(() => {
    third = true
  })
  await settled()
  t.notOk(third)
  first()
  await waiting
  t.ok(third)
})

t.test('releasing twice frees one slot only', async t => {
  const slots = new Slots(() => 1)
  const release = await slots.acquire(['a'], never)
  release()
  release()
  await slots.acquire(['a'], never)
  let entered = false
  slots.acquire(['a'], never).then(() => {
    entered = true
  })
  await settled()
  t.notOk(entered)
})

t.test('a waiter for a busy host does not hold up one for an idle host, and holds nothing meanwhile', async t => {
  const slots = new Slots(name => (name === 'disks' ? 2 : 1))
  await slots.acquire(['disks', 'host:a'], never)
  slots.acquire(['disks', 'host:a'], never)
  await slots.acquire(['disks', 'host:b'], never)
  t.pass('the other host was granted')
})

t.test('an aborted waiter leaves the queue, and a granted one keeps its slot', async t => {
  const slots = new Slots(() => 1)
  const abort = new AbortController()
  const release = await slots.acquire(['a'], abort.signal)
  const waiting = slots.acquire(['a'], abort.signal)
  const next = slots.acquire(['a'], never)
  abort.abort(new Error('enough'))
  await t.rejects(waiting, { message: 'enough' })
  let entered = false
  next.then(() => {
    entered = true
  })
  await settled()
  t.notOk(entered, 'the first holder still holds')
  release()
  await next
  await t.rejects(slots.acquire(['a'], abort.signal), { message: 'enough' })
})

t.test("the connector's slots follow its caps, and an unknown name is a mistake", async t => {
  const slots = connectorSlots({ ...defaultCaps, disksPerHost: 1, snapshotsPerDatastore: 1 })
  await slots.acquire(['servers', 'disks', 'imports', 'host:host-1', 'datastore:vmfs1'], never)
  const full = slots.acquire(['datastore:vmfs1', 'datastore:vmfs2'], AbortSignal.abort(new Error('full')))
  await t.rejects(full, { message: 'full' })
  await t.rejects(slots.acquire(['unknown'], never), { name: 'RangeError' })
})
