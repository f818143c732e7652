// Who is told of what: what runs and credentials have to tell reaches the outbox, once each.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { composeNotifications } from '../appliance/app-notifications.ts'
import type { Run } from '../appliance/domain.ts'
import { defaultPolicy } from '../appliance/schedule/policy.ts'
import type { Connections } from '../appliance/setup/connections.ts'
import { openStore } from '../appliance/store/store.ts'
import { ensureWebCertificate } from '../appliance/web-certificate.ts'
import { sampleJob, sampleRun } from './store/samples.ts'

async function setUp(t: Test) {
  const dataDir = t.testdir()
  const store = await openStore(dataDir)
  t.teardown(() => store.close())
  const { cert } = await ensureWebCertificate(dataDir)
  const away = () => Promise.reject(new Error('not asked'))
  const notifications = composeNotifications({
    store,
    connections: { vcenter: away, aws: away } as unknown as Connections,
    policy: () => defaultPolicy,
    webCertificatePem: () => cert,
    now: () => new Date(),
    log: pino({ level: 'silent' }),
  })
  const events = async () =>
    (await store.notifications.list()).items.map(({ notification }) => notification.event).sort()
  return { store, notifications, events }
}

t.test('the ends of runs are told: a first success, failures, a paused job, a recovery', async t => {
  const { store, notifications, events } = await setUp(t)
  const job = await store.jobs.create(sampleJob(1))
  let number = 0
  const ends = async (changes: Partial<Run>, after = {}, before = {}) => {
    const run = await store.runs.create(sampleRun(++number, { endedAt: '2026-03-01T03:00:00Z', ...changes }))
    for (let turn = 0; turn < 2; turn++) await notifications.runEnded(run, { ...job, ...after }, { ...job, ...before })
  }
  await ends({ state: 'succeeded' })
  t.same(await events(), ['firstSuccess'], 'once, however often it is told')
  const failure = { code: 'NFC_STALLED', message: 'm', hint: 'h', stage: 'uploading' as const }
  await ends({ state: 'failed', failure }, { failuresInARow: 5, state: 'paused', pausedBecause: '5 runs failed' })
  t.same(await events(), ['firstSuccess', 'jobPaused', 'runFailed'])
  await ends({ state: 'succeeded' }, {}, { failuresInARow: 5 })
  t.same(await events(), ['firstSuccess', 'jobPaused', 'recovered', 'runFailed'])
  await ends({ state: 'cancelled' })
  t.equal((await events()).length, 4)
})

t.test('credentials that AWS does not take any more are told of, if there are any', async t => {
  const { store, notifications, events } = await setUp(t)
  await notifications.credentialsExpired()
  t.same(await events(), [])
  await store.settings.setAws({ region: 'r', accessKeyId: 'AKIA', endpoints: {}, importRoleName: 'vmimport' })
  await notifications.credentialsExpired()
  t.same(await events(), ['credentialsExpiring'])
})

t.test('temporary credentials are told of a day before they end, if their end was entered', async t => {
  const toldWith = async (changes: { sessionExpiresAt?: string }) => {
    const { store, notifications, events } = await setUp(t)
    await store.settings.setAws({
      ...{ region: 'r', accessKeyId: 'ASIA', endpoints: {}, importRoleName: 'vmimport' },
      ...changes,
    })
    notifications.start()
    await notifications.stop()
    return await events()
  }
  const inHours = (hours: number) => ({ sessionExpiresAt: new Date(Date.now() + hours * 3_600_000).toISOString() })
  t.same(await toldWith({}), [])
  t.same(await toldWith(inHours(30)), [])
  t.same(await toldWith(inHours(12)), ['credentialsExpiring'])
})

t.test('it starts and stops, also without settings', async t => {
  const { notifications } = await setUp(t)
  notifications.start()
  await notifications.stop()
})

t.test('a connector that became read-only is told of; what else waits is left to the other machine', async t => {
  const delivered: string[] = []
  const { promise: came, resolve } = Promise.withResolvers<void>()
  const receiver = createServer((request, response) => {
    delivered.push(String(request.headers['hoist-event']))
    request.resume()
    response.end()
    resolve()
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  t.teardown(() => receiver.close())
  const { store, notifications } = await setUp(t)
  const { port } = receiver.address() as AddressInfo
  const { id } = await notifications.service.create({
    ...{ name: 'ops', enabled: true, events: ['runFailed', 'connectorReadOnly'], secret: 'a signing key of a test' },
    target: { kind: 'webhook', url: `http://127.0.0.1:${port}/` },
  })
  const at = new Date().toISOString()
  await store.notifications.add({ event: 'runFailed', id: 'old', at, title: 'old', text: 'old', details: {} })
  await notifications.readOnly('restored')
  const isDelivered = async () =>
    (await store.notifications.list()).items.some(({ deliveries }) => deliveries[0]?.state === 'delivered')
  await came
  while (!(await isDelivered())) await nextTurn()
  await notifications.readOnly('restored')
  await notifications.stop()
  t.same(delivered, ['connectorReadOnly'])
  const { items } = await store.notifications.list()
  t.match(
    items
      .map(({ notification, deliveries }) => [notification.event, deliveries[0]?.channelId, deliveries[0]?.state])
      .toSorted(),
    [
      ['connectorReadOnly', id, 'delivered'],
      ['runFailed', id, 'pending'],
    ],
  )
})
