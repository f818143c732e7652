// The outbox's delivery on the real store: at least once, with pauses, across restarts, and no channel held by another.
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Notification, NotificationChannel } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import type { Deliver } from '../../appliance/notify/deliver.ts'
import { Dispatcher, nextTry, type Outbox } from '../../appliance/notify/dispatcher.ts'
import { openStore, type Store } from '../../appliance/store/store.ts'
import { channelTo, sample } from './samples.ts'

const hourMs = 3_600_000
const start = Date.parse(sample.at)
const away = new ApplianceError('WEBHOOK_FAILED', 'hooks.test is away.', { hint: 'Look there.' })

interface Office {
  dispatcher: Dispatcher
  store: Store
  /** `channel notification` of every attempt. */
  attempts: string[]
  logged: string[]
  setClock(ms: number): void
}

interface OfficeOptions {
  store?: Store
  channels?: NotificationChannel[]
  deliver?: Deliver
  outbox?: (real: Outbox) => Outbox
  deliveryTimeoutMs?: number
}

const mail = channelTo({
  ...{ kind: 'smtp' as const, host: 'mail.test', port: 25, security: 'starttls' as const },
  ...{ from: 'a@example.com', to: ['b@example.com'] },
})
const hook = channelTo({ kind: 'webhook', url: 'https://hooks.test/' })

/** A dispatcher on a store of its own, or on one that another left. Its clock stands until it is set. */
async function office(t: Test, options: OfficeOptions = {}): Promise<Office> {
  const { store = await openStore(t.testdir()), channels = [hook], deliver = async () => undefined } = options
  if (options.store === undefined) t.teardown(() => store.close())
  for (const channel of channels) if (!(await store.channels.get(channel.id))) await store.channels.create(channel)
  let time = start
  const setClock = (ms: number) => {
    time = ms
  }
  const attempts: string[] = []
  const logged: string[] = []
  const dispatcher = new Dispatcher({
    outbox: options.outbox?.(store.notifications) ?? store.notifications,
    deliver: (channel, notification, signal) => {
      attempts.push(`${channel.name} ${notification.id}`)
      return deliver(channel, notification, signal)
    },
    now: () => new Date(time),
    log: pino({ level: 'debug' }, { write: text => void logged.push(text) }),
    lookEveryMs: 2,
    ...(options.deliveryTimeoutMs === undefined ? {} : { deliveryTimeoutMs: options.deliveryTimeoutMs }),
  })
  t.teardown(() => dispatcher.stop())
  return { dispatcher, store, attempts, logged, setClock }
}

const nth = (n: number, more: Partial<Notification> = {}): Notification => ({ ...sample, id: `n${n}`, ...more })
const history = async (store: Store) => (await store.notifications.list()).items
const states = async (store: Store) =>
  Object.fromEntries(
    (await history(store)).flatMap(({ notification, deliveries }) =>
      deliveries.map(({ channelId, state, attempts }) => [`${notification.id} ${channelId}`, `${state} ${attempts}`]),
    ),
  )

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise(resolve => setTimeout(resolve, 1))
}
/** Some looks of the dispatcher. */
const aWhile = () => new Promise(resolve => setTimeout(resolve, 25))

t.test('the pauses grow from a minute to an hour, and after a day it is given up', async t => {
  const now = new Date(start)
  const waits = [1, 2, 3, 6, 7, 20].map(attempts => (nextTry(sample.at, attempts, now, 0.5)?.getTime() ?? 0) - start)
  t.strictSame(
    waits.map(ms => ms / 60_000),
    [1, 2, 4, 32, 60, 60],
  )
  t.equal((nextTry(sample.at, 1, now, 0)?.getTime() ?? 0) - start, 54_000)
  t.equal((nextTry(sample.at, 1, now, 1)?.getTime() ?? 0) - start, 66_000)
  t.ok(nextTry(sample.at, 30, new Date(start + 24 * hourMs - 1)))
  t.equal(nextTry(sample.at, 30, new Date(start + 24 * hourMs)), undefined)
})

t.test('every enabled channel that wants the event gets it, once', async t => {
  const channels = [
    hook,
    mail,
    { ...hook, id: 'off', name: 'off', enabled: false },
    { ...hook, id: 'other', name: 'other', events: ['recovered' as const] },
  ]
  const { dispatcher, store, attempts } = await office(t, { channels })
  dispatcher.start()
  await dispatcher.post(sample)
  await dispatcher.post(sample)
  await until(() => attempts.length >= 2)
  await aWhile()
  t.strictSame(attempts.sort(), [`smtp ${sample.id}`, `webhook ${sample.id}`])
  t.strictSame(await states(store), {
    [`${sample.id} ${hook.id}`]: 'delivered 1',
    [`${sample.id} ${mail.id}`]: 'delivered 1',
  })
})

t.test('what fails is tried again when its time has come, with its error shown meanwhile', async t => {
  let fails = 2
  const deliver: Deliver = async () => {
    if (fails-- > 0) throw away
  }
  const { dispatcher, store, attempts, setClock, logged } = await office(t, { deliver })
  dispatcher.start()
  await dispatcher.post(sample)
  await until(async () => (await states(store))[`${sample.id} ${hook.id}`] === 'pending 1')
  t.match((await history(store))[0]?.deliveries, [
    { error: 'hooks.test is away. Look there.', nextTryAt: /T06:0[01]:/ },
  ])
  await aWhile()
  t.equal(attempts.length, 1, 'not before its time')
  setClock(start + 70_000)
  await until(() => attempts.length === 2)
  await aWhile()
  t.equal(attempts.length, 2)
  setClock(start + 300_000)
  await until(async () => (await states(store))[`${sample.id} ${hook.id}`] === 'delivered 3')
  t.equal((await history(store))[0]?.deliveries[0]?.error, undefined)
  t.match(logged.join(''), /notification not delivered/)
})

t.test('after a day it is given up, and shown as failed', async t => {
  const { dispatcher, store, setClock, attempts } = await office(t, { deliver: async () => Promise.reject(away) })
  await dispatcher.post(sample)
  setClock(start + 24 * hourMs)
  dispatcher.start()
  await until(async () => (await states(store))[`${sample.id} ${hook.id}`] === 'failed 1')
  setClock(start + 48 * hourMs)
  await aWhile()
  t.equal(attempts.length, 1)
})

t.test('recipients that will never take it are not tried again', async t => {
  const refused = new ApplianceError('MAIL_PARTLY_REFUSED', 'not for x', { hint: 'h' })
  const { dispatcher, store } = await office(t, { channels: [mail], deliver: async () => Promise.reject(refused) })
  dispatcher.start()
  await dispatcher.post(sample)
  await until(async () => (await states(store))[`${sample.id} ${mail.id}`] === 'failed 1')
})

t.test('a restart goes on with what was left, and sends again what was under way', async t => {
  const hangs: Deliver = (_channel, _notification, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const first = await office(t, { deliver: hangs })
  first.dispatcher.start()
  await first.dispatcher.post(nth(1))
  await first.dispatcher.post(nth(2))
  await until(() => first.attempts.length === 1)
  await first.dispatcher.stop()
  t.strictSame(
    await states(first.store),
    { [`n1 ${hook.id}`]: 'pending 0', [`n2 ${hook.id}`]: 'pending 0' },
    'not counted',
  )
  t.notMatch(first.logged.join(''), /not delivered/)
  const second = await office(t, { store: first.store })
  second.dispatcher.start()
  await until(() => second.attempts.length === 2)
  await until(async () => Object.values(await states(first.store)).every(state => state === 'delivered 1'))
  await second.dispatcher.stop()
})

t.test('a slow channel holds no other, nor whoever posts', async t => {
  const release = Promise.withResolvers<void>()
  const deliver: Deliver = channel => (channel.id === hook.id ? release.promise : Promise.resolve())
  const { dispatcher, store, attempts } = await office(t, { channels: [hook, mail], deliver })
  dispatcher.start()
  for (let n = 1; n <= 3; n++) await dispatcher.post(nth(n))
  await until(() => attempts.filter(text => text.startsWith('smtp')).length === 3)
  t.strictSame(
    attempts.filter(text => text.startsWith('webhook')),
    ['webhook n1'],
    'one at a time per channel',
  )
  release.resolve()
  await until(async () => Object.values(await states(store)).every(state => state === 'delivered 1'))
  t.equal(attempts.length, 6)
})

t.test('a delivery that takes too long is ended', async t => {
  const deliver: Deliver = (_channel, _notification, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  const { dispatcher, store } = await office(t, { deliver, deliveryTimeoutMs: 20 })
  dispatcher.start()
  await dispatcher.post(sample)
  await until(async () => (await states(store))[`${sample.id} ${hook.id}`] === 'pending 1')
  t.match((await history(store))[0]?.deliveries[0]?.error, /took longer than/)
})

t.test('a receiver that is away is not tried for everything that waits', async t => {
  const { dispatcher, store, attempts } = await office(t, { deliver: async () => Promise.reject(away) })
  for (let n = 1; n <= 10; n++) await dispatcher.post(nth(n))
  dispatcher.start()
  await until(async () => Object.values(await states(store)).every(state => state === 'pending 1'))
  t.equal(attempts.length, 3)
})

t.test('many are delivered, more than one look takes', async t => {
  const { dispatcher, store, attempts } = await office(t)
  for (let n = 1; n <= 520; n++) await store.notifications.add(nth(n))
  dispatcher.start()
  await until(() => attempts.length === 520)
  await aWhile()
  t.equal(new Set(attempts).size, attempts.length)
})

t.test('what the store cannot take is held, and stored when it can', async t => {
  let full = true
  const outbox = (real: Outbox): Outbox => ({
    ...real,
    add: async notification => {
      if (full) throw new ApplianceError('STORE_UNAVAILABLE', 'The disk is full.', { hint: 'h' })
      return real.add(notification)
    },
  })
  const { dispatcher, store, attempts, logged } = await office(t, { outbox })
  dispatcher.start()
  await t.resolves(dispatcher.post(sample))
  t.strictSame(await history(store), [])
  t.match(logged.join(''), /could not be stored/)
  full = false
  await until(() => attempts.length === 1)
})

t.test('what was delivered is not sent again because the store could not note it', async t => {
  let full = true
  const outbox = (real: Outbox): Outbox => ({
    ...real,
    delivered: async (notificationId, channelId) => {
      if (full) throw new ApplianceError('STORE_UNAVAILABLE', 'The disk is full.', { hint: 'h' })
      return real.delivered(notificationId, channelId)
    },
  })
  const { dispatcher, store, attempts } = await office(t, { outbox })
  dispatcher.start()
  await dispatcher.post(sample)
  await until(() => attempts.length === 1)
  await aWhile()
  full = false
  await until(async () => (await states(store))[`${sample.id} ${hook.id}`] === 'delivered 1')
  t.equal(attempts.length, 1)
})

t.test('a channel that is deleted meanwhile is no error', async t => {
  for (const fails of [false, true]) {
    const stores: Store[] = []
    const deliver: Deliver = async channel => {
      await stores[0]?.channels.delete(channel.id)
      if (fails) throw away
    }
    const { dispatcher, store, attempts, logged } = await office(t, { deliver })
    stores.push(store)
    dispatcher.start()
    await dispatcher.post(sample)
    await until(() => attempts.length === 1)
    await aWhile()
    t.equal(attempts.length, 1)
    t.notMatch(logged.join(''), /"level":"error"|"level":50/)
  }
})

t.test('a clock that is set back delays nothing by as much', async t => {
  let fails = 1
  const deliver: Deliver = async () => {
    if (fails-- > 0) throw away
  }
  const { dispatcher, store, attempts, setClock } = await office(t, { deliver })
  setClock(start + 10 * hourMs)
  dispatcher.start()
  await dispatcher.post({ ...sample, at: new Date(start + 10 * hourMs).toISOString() })
  await until(async () => (await states(store))[`${sample.id} ${hook.id}`] === 'pending 1')
  setClock(start)
  await until(() => attempts.length === 2)
})

t.test('the history is pruned after 90 days', async t => {
  const { dispatcher, store, setClock } = await office(t, { channels: [] })
  await store.notifications.add(nth(1))
  await store.notifications.add(nth(2, { at: new Date(start + 80 * 24 * hourMs).toISOString() }))
  setClock(start + 91 * 24 * hourMs)
  dispatcher.start()
  await until(async () => (await history(store)).length === 1)
  t.equal((await history(store))[0]?.notification.id, 'n2')
})

t.test('a store that cannot be read is logged, and read again', async t => {
  let broken = true
  const outbox = (real: Outbox): Outbox => ({
    ...real,
    pending: async (now, limit) => {
      if (broken) throw new Error('io')
      return real.pending(now, limit)
    },
  })
  const { dispatcher, attempts, logged } = await office(t, { outbox })
  dispatcher.start()
  await dispatcher.post(sample)
  await until(() => /cannot be read/.test(logged.join('')))
  broken = false
  await until(() => attempts.length === 1)
})

t.test('started for one event, it tells of that only; started for all, of the rest, too', async t => {
  const { dispatcher, attempts } = await office(t, {
    channels: [{ ...hook, events: ['runFailed', 'connectorReadOnly'] }],
  })
  dispatcher.start('connectorReadOnly')
  await dispatcher.post({ ...sample, id: 'n-1', event: 'runFailed' })
  await dispatcher.post({ ...sample, id: 'n-2', event: 'connectorReadOnly' })
  await until(() => attempts.length === 1)
  t.match(attempts, [/n-2/])
  dispatcher.start()
  await until(() => attempts.length === 2)
  t.match(attempts, [/n-2/, /n-1/])
  dispatcher.start('connectorReadOnly')
  await dispatcher.post({ ...sample, id: 'n-3', event: 'runFailed' })
  await until(() => attempts.length === 3)
})
