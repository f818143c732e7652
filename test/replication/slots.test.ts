// Counted slots, with a clock that the test moves.
import t from 'tap'
import { connectorSlots, defaultCaps, type Priority, type SlotClock, Slots } from '../../appliance/replication/slots.ts'
import { seeded } from '../store/samples.ts'

const never = new AbortController().signal
const settled = () => new Promise(resolve => setImmediate(resolve))
const minuteMs = 60_000

/** Time that passes when it is told to; timers go off on the way. */
function testClock() {
  let nowMs = 0
  const timers = new Set<{ atMs: number; call: () => void }>()
  const clock: SlotClock & { pass: (ms: number) => Promise<void>; timers: () => number } = {
    nowMs: () => nowMs,
    timers: () => timers.size,
    after(ms, call) {
      const timer = { atMs: nowMs + ms, call }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async pass(ms) {
      const endMs = nowMs + ms
      for (;;) {
        const due = [...timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
        if (!due) break
        timers.delete(due)
        nowMs = Math.max(nowMs, due.atMs)
        due.call()
      }
      nowMs = endMs
      await settled()
    },
  }
  return clock
}

/** Asks for slots, and notes who was let in. */
function asker(slots: Slots) {
  const entered: string[] = []
  return {
    entered,
    ask(who: string, names: string[], priority?: Priority) {
      return slots.acquire(names, never, priority ? { priority } : {}).then(release => {
        entered.push(who)
        return release
      })
    },
  }
}

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

t.test('a mistaken name leaves the queue as it was', async t => {
  const slots = connectorSlots()
  await t.rejects(slots.acquire(['servers', 'unknown'], never), { name: 'RangeError' })
  await slots.acquire(['servers'], never)
  t.match(slots.snapshot(), [{ name: 'disks' }, { name: 'imports' }, { name: 'servers', taken: 1, waiting: 0 }])
  t.throws(() => slots.pushBack('unknown'), { name: 'RangeError' })
})

t.test('a name that is asked for twice at once is one slot', async t => {
  const slots = new Slots(() => 1)
  const release = await slots.acquire(['a', 'a'], never)
  t.match(slots.snapshot(), [{ name: 'a', taken: 1 }])
  release()
  t.strictSame(slots.snapshot(), [])
})

t.test(
  'a final sync comes before a first run, that before a delta, and equals in the order of their arrival',
  async t => {
    const slots = new Slots(() => 1, testClock())
    const { ask, entered } = asker(slots)
    let release = await slots.acquire(['a'], never)
    const asked = [
      ask('delta 1', ['a'], 'delta'),
      ask('first 1', ['a'], 'first'),
      ask('delta 2', ['a']),
      ask('final 1', ['a'], 'final'),
      ask('first 2', ['a'], 'first'),
      ask('final 2', ['a'], 'final'),
    ]
    const order = ['final 1', 'final 2', 'first 1', 'first 2', 'delta 1', 'delta 2']
    for (const [index, name] of order.entries()) {
      release()
      await settled()
      t.equal(entered.length, index + 1)
      const granted = ['delta 1', 'first 1', 'delta 2', 'final 1', 'first 2', 'final 2'].indexOf(name)
      release = await (asked[granted] as Promise<() => void>)
    }
    t.strictSame(entered, order)
  },
)

t.test('an old waiter comes before new ones of higher priority', async t => {
  const clock = testClock()
  const slots = new Slots(() => 1, clock)
  const { ask, entered } = asker(slots)
  const release = await slots.acquire(['a'], never)
  const pass = async (who: string, priority: Priority) => (await ask(who, ['a'], priority))()
  const all = [pass('old delta', 'delta')]
  await clock.pass(59 * minuteMs)
  all.push(pass('final', 'final'))
  await clock.pass(2 * minuteMs)
  all.push(pass('late first', 'first'), pass('late final', 'final'))
  release()
  await Promise.all(all)
  t.strictSame(entered, ['final', 'old delta', 'late final', 'late first'])
})

t.test('a stream of final syncs does not starve a delta', async t => {
  const clock = testClock()
  const slots = new Slots(() => 1, clock)
  const { ask, entered } = asker(slots)
  let release = await slots.acquire(['a'], never)
  ask('delta', ['a'], 'delta')
  for (let sync = 0; sync < 20 && !entered.includes('delta'); sync++) {
    const next = ask(`final ${sync}`, ['a'], 'final')
    await clock.pass(10 * minuteMs)
    release()
    await settled()
    if (!entered.includes('delta')) release = await next
  }
  t.ok(entered.includes('delta'), entered.join(', '))
  t.ok(entered.length > 5 && entered.length < 9, 'after an hour')
})

t.test('who needs two slots is not passed over for ever by those who need one of them', async t => {
  const clock = testClock()
  const slots = new Slots(() => 1, clock)
  const { ask, entered } = asker(slots)
  const holders = { a: await slots.acquire(['a'], never), b: await slots.acquire(['b'], never) }
  ask('both', ['a', 'b'])
  let rounds = 0
  for (; rounds < 40 && !entered.includes('both'); rounds++) {
    const name = rounds % 2 ? 'a' : 'b'
    const next = ask(`${name} ${rounds}`, [name])
    await clock.pass(minuteMs)
    holders[name]()
    await settled()
    if (entered.includes(`${name} ${rounds}`)) holders[name] = await next
  }
  t.ok(entered.includes('both'), entered.join(', '))
  t.ok(rounds >= 10 && rounds <= 13, `${rounds} minutes`)
})

t.test('only one waiter keeps slots idle: the others go on with what is free', async t => {
  const clock = testClock()
  const slots = new Slots(name => (name === 'disks' ? 4 : 1), clock)
  const { ask, entered } = asker(slots)
  await slots.acquire(['disks', 'host:a'], never)
  for (let disk = 0; disk < 5; disk++) ask(`a ${disk}`, ['disks', 'host:a'])
  await clock.pass(60 * minuteMs)
  ask('b', ['disks', 'host:b'])
  ask('c', ['disks', 'host:c'])
  ask('d', ['disks', 'host:d'])
  await settled()
  t.strictSame(entered, ['b', 'c'], 'one of four is kept')
})

t.test('a push back halves what goes on, however many push at once, and never below one', async t => {
  const clock = testClock()
  const slots = connectorSlots(defaultCaps, clock)
  const held: (() => void)[] = []
  for (let disk = 0; disk < 40; disk++) held.push(await slots.acquire(['disks'], never))
  const limit = () => slots.snapshot().find(({ name }) => name === 'disks')?.limit
  t.equal(limit(), 52)
  for (let push = 0; push < 40; push++) slots.pushBack('disks')
  t.equal(limit(), 20)
  await clock.pass(10_000)
  slots.pushBack('disks')
  t.equal(limit(), 10)
  for (let push = 0; push < 6; push++) {
    await clock.pass(10_000)
    slots.pushBack('disks')
  }
  t.equal(limit(), 1)
  t.equal(slots.snapshot()[0]?.taken, 40, 'those who hold go on')
  const { ask, entered } = asker(slots)
  ask('next', ['disks'])
  for (const release of held.slice(1)) release()
  await settled()
  t.strictSame(entered, [])
  held[0]?.()
  await settled()
  t.strictSame(entered, ['next'])
})

t.test('after quiet the limit rises by one a minute up to the cap, even if nobody releases', async t => {
  const clock = testClock()
  const slots = connectorSlots({ ...defaultCaps, imports: 5 }, clock)
  for (let task = 0; task < 5; task++) await slots.acquire(['imports'], never).then(release => task > 1 && release())
  slots.pushBack('imports')
  slots.pushBack('disks')
  const { ask, entered } = asker(slots)
  for (let task = 0; task < 5; task++) ask(`${task}`, ['imports'])
  await settled()
  t.strictSame(entered, [])
  await clock.pass(minuteMs)
  t.strictSame(entered, [], 'two of two')
  await clock.pass(minuteMs)
  t.strictSame(entered, ['0'])
  await clock.pass(60 * minuteMs)
  t.strictSame(entered, ['0', '1', '2'], 'the cap')
  t.match(
    slots.snapshot().find(({ name }) => name === 'imports'),
    { limit: 5, cap: 5, taken: 5, waiting: 2 },
  )
  await clock.pass(60 * minuteMs)
  t.equal(clock.timers(), 0, 'nothing is reduced any more: no timer')
})

t.test('random comings and goings: never over a limit, nobody is forgotten', async t => {
  const seed = 88
  const chance = seeded(seed)
  const clock = testClock()
  const slots = new Slots(name => (name === 'disks' ? 6 : 2), clock)
  const held = new Set<() => void>()
  let asked = 0
  let entered = 0
  let aborted = 0
  for (let step = 0; step < 3000; step++) {
    const abort = new AbortController()
    const names = ['disks', `host:${chance(4)}`, ...(chance(3) ? [] : [`datastore:${chance(2)}`])]
    asked++
    slots
      .acquire(names, abort.signal, { priority: (['final', 'first', 'delta'] as const)[chance(3)] as Priority })
      .then(
        release => {
          entered++
          held.add(release)
        },
        () => aborted++,
      )
    if (chance(10) === 0) abort.abort(new Error('enough'))
    if (chance(50) === 0) slots.pushBack(chance(2) ? 'disks' : 'host:1')
    await clock.pass(chance(3) * minuteMs)
    for (const release of [...held]) {
      if (chance(2)) continue
      held.delete(release)
      release()
    }
    await settled()
    for (const { name, limit, cap, taken } of slots.snapshot())
      if (taken > cap || limit > cap || limit < 1) t.fail(`seed ${seed}, step ${step}: ${name}`)
  }
  for (let turn = 0; turn < 5000 && entered + aborted < asked; turn++) {
    for (const release of held) release()
    held.clear()
    await clock.pass(minuteMs)
  }
  t.equal(entered + aborted, asked, `seed ${seed}: ${entered} entered, ${aborted} gave up`)
  for (const release of held) release()
  t.ok(slots.snapshot().every(({ taken, waiting }) => taken === 0 && waiting === 0))
})

t.test("the machine's own clock keeps no process alive", async t => {
  const slots = new Slots(() => 1)
  const release = await slots.acquire(['a'], never)
  slots.pushBack('a')
  const next = slots.acquire(['a'], never)
  release()
  await next
  t.match(slots.snapshot(), [])
})
