// Channels as they are made, changed, tested and deleted, on the real store; secrets go one way only.
import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import type { Notification, NotificationChannel } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { notificationService } from '../../appliance/notify/service.ts'
import { channelSecret } from '../../appliance/store/secrets.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sample } from './samples.ts'

async function make(t: Test, failure?: ApplianceError) {
  const store = await openStore(t.testdir())
  t.teardown(() => store.close())
  const sent: [NotificationChannel, Notification][] = []
  const service = notificationService({
    channels: store.channels,
    secrets: {
      get: id => store.secrets.get(channelSecret(id)),
      set: (id, secret) => store.secrets.set(channelSecret(id), secret),
      delete: id => store.secrets.delete(channelSecret(id)),
    },
    history: page => store.notifications.list(page),
    deliver: async (channel, notification) => {
      sent.push([channel, notification])
      if (failure) throw failure
    },
    now: () => new Date('2026-11-21T06:00:00.000Z'),
    newId: randomUUID,
  })
  return { store, service, sent, secretOf: (id: string) => store.secrets.get(channelSecret(id)) }
}

const smtp = {
  kind: 'smtp' as const,
  host: 'mail.example.com',
  port: 587,
  security: 'starttls' as const,
  username: 'hoist',
  from: 'hoist@example.com',
  to: ['ops@example.com'],
}
const { username: _, ...anonymous } = smtp
const input = { name: 'ops', enabled: true, events: ['runFailed' as const] }
const webhook = { kind: 'webhook' as const, url: 'https://hooks.example.com/x' }
const sns = { kind: 'sns' as const, topicArn: 'arn:aws:sns:eu-central-1:111122223333:hoist-events' }

t.test('a channel is kept without its secret, which lies among the secrets', async t => {
  const { store, service, secretOf } = await make(t)
  const made = await service.create({ ...input, target: webhook, secret: 'the signing key' })
  t.match(made, {
    ...input,
    target: { kind: 'webhook', url: 'https://hooks.example.com/***' },
    createdAt: '2026-11-21T06:00:00.000Z',
  })
  t.strictSame(await service.list(), [made])
  t.strictSame(await service.get(made.id), made)
  t.notMatch(JSON.stringify([made, await store.channels.list()]), /the signing key/)
  t.equal(await secretOf(made.id), 'the signing key')
  await service.remove(made.id)
  t.equal(await secretOf(made.id), undefined)
  await t.rejects(service.get(made.id), { code: 'NOT_FOUND' })
  await t.rejects(service.remove(made.id), { code: 'NOT_FOUND' })
})

t.test('a target that may not be used, or lacks its secret, is refused and leaves nothing', async t => {
  const { service } = await make(t)
  const create = (target: NotificationChannel['target'], secret?: string) =>
    service.create({ ...input, target, ...(secret === undefined ? {} : { secret }) })
  await t.rejects(create(webhook), { code: 'INVALID_REQUEST', message: /signing key/ })
  await t.rejects(create(smtp), { code: 'INVALID_REQUEST', message: /password/ })
  await t.rejects(create({ kind: 'webhook', url: 'https://169.254.169.254/' }, 'k'), {
    code: 'NOTIFICATION_ADDRESS_REFUSED',
  })
  await t.rejects(create({ ...anonymous, host: '192.0.2.1', security: 'none' }), {
    code: 'NOTIFICATION_ADDRESS_REFUSED',
  })
  await t.rejects(create(sns, 'k'), { code: 'INVALID_REQUEST', message: /no such secret/ })
  t.strictSame(await service.list(), [])
  await t.resolves(create(sns))
  await t.resolves(create(anonymous))
})

t.test('a channel that cannot be stored leaves no secret', async t => {
  const { store, service } = await make(t)
  const kept: string[] = []
  const broken = notificationService({
    channels: { ...store.channels, create: () => Promise.reject(new Error('full')) },
    secrets: {
      get: async () => undefined,
      set: async id => void kept.push(id),
      delete: async id => void kept.splice(kept.indexOf(id), 1),
    },
    history: service.history,
    deliver: async () => undefined,
    now: () => new Date(),
    newId: randomUUID,
  })
  await t.rejects(broken.create({ ...input, target: webhook, secret: 'k' }), { message: 'full' })
  t.strictSame(kept, [])
})

t.test('a change keeps what it does not name, the secret too', async t => {
  const { service, secretOf } = await make(t)
  const { id } = await service.create({ ...input, target: smtp, secret: 'first' })
  t.match(await service.change(id, { name: 'night', enabled: false }), { name: 'night', enabled: false, target: smtp })
  t.match(await service.change(id, { target: { ...smtp, to: ['boss@example.com'] } }), {
    target: { to: ['boss@example.com'] },
  })
  t.equal(await secretOf(id), 'first')
  await service.change(id, { secret: 'second' })
  t.equal(await secretOf(id), 'second')
  await t.rejects(service.change('none', { name: 'x' }), { code: 'NOT_FOUND' })
})

t.test('a stored password is sent to no other server or account, and less protected neither', async t => {
  const { service, secretOf } = await make(t)
  const { id } = await service.create({ ...input, target: smtp, secret: 'first' })
  for (const other of [{ host: 'thief.example.com' }, { port: 25 }, { username: 'root' }, { security: 'tls' as const }])
    await t.rejects(service.change(id, { target: { ...smtp, ...other } }), {
      code: 'INVALID_REQUEST',
      message: /password/,
    })
  await t.rejects(service.change(id, { target: webhook }), { code: 'INVALID_REQUEST', message: /signing key/ })
  t.match(await service.get(id), { target: smtp })
  await service.change(id, { target: { ...smtp, host: 'mail2.example.com' }, secret: 'its own' })
  t.equal(await secretOf(id), 'its own')
  await t.rejects(service.change(id, { target: sns, secret: 'k' }), { code: 'INVALID_REQUEST' })
  await service.change(id, { target: sns })
  t.equal(await secretOf(id), undefined, 'a secret that nothing uses is not kept')
})

t.test("nobody is shown the path of a webhook's URL, and what comes back as it was shown changes nothing", async t => {
  const { store, service } = await make(t)
  const secretUrl = 'https://hooks.example.com/services/T000/B000?token=4711'
  const { id } = await service.create({ ...input, target: { kind: 'webhook', url: secretUrl }, secret: 'key' })
  const urlOf = async () => {
    const { target } = (await store.channels.get(id)) ?? {}
    return target?.kind === 'webhook' ? target.url : undefined
  }
  const masked = { kind: 'webhook' as const, url: 'https://hooks.example.com/***' }
  const answers = [await service.get(id), ...(await service.list())]
  answers.push(await service.change(id, { name: 'renamed' }), await service.change(id, { target: masked }))
  t.strictSame(
    answers.map(({ target }) => target),
    [masked, masked, masked, masked],
  )
  t.equal(await urlOf(), secretUrl)
  await service.change(id, { target: { kind: 'webhook', url: 'https://hooks.example.com/new' } })
  t.equal(await urlOf(), 'https://hooks.example.com/new')
  await service.change(id, { target: { kind: 'webhook', url: 'https://other.example.com/***' } })
  t.equal(await urlOf(), 'https://other.example.com/***', 'what is not as it was shown is taken as it is')
})

t.test('a webhook may move with its key, which never leaves', async t => {
  const { service, secretOf } = await make(t)
  const { id } = await service.create({ ...input, target: webhook, secret: 'key' })
  await service.change(id, { target: { kind: 'webhook', url: 'https://other.example.com/' } })
  t.equal(await secretOf(id), 'key')
  await t.rejects(service.change(id, { target: { kind: 'webhook', url: 'http://192.0.2.1/' } }), {
    code: 'NOTIFICATION_ADDRESS_REFUSED',
  })
})

t.test('a test is sent now, past the outbox, as an event that the channel wants', async t => {
  const { service, sent } = await make(t)
  const { id } = await service.create({ ...input, enabled: false, events: ['snapshotOld'], target: sns })
  await service.test(id, new AbortController().signal)
  await service.test(id, new AbortController().signal)
  const [first, second] = sent
  t.match(first, [{ id }, { event: 'snapshotOld', title: /^Test/, details: { test: 'true' } }])
  t.not(first?.[1].id, second?.[1].id)
  t.strictSame((await service.history({})).items, [])
  await t.rejects(service.test('none', new AbortController().signal), { code: 'NOT_FOUND' })
  const mute = await service.create({ ...input, events: [], target: sns })
  await t.resolves(service.test(mute.id, new AbortController().signal))
})

t.test('a test that fails says why', async t => {
  const { service } = await make(t, new ApplianceError('MAIL_FAILED', 'm', { hint: 'h' }))
  const { id } = await service.create({ ...input, target: sns })
  await t.rejects(service.test(id, new AbortController().signal), { code: 'MAIL_FAILED', hint: 'h' })
})

t.test('the history shows what was told, and how far it came', async t => {
  const { store, service } = await make(t)
  const { id } = await service.create({ ...input, target: sns })
  await store.notifications.add(sample)
  t.match(await service.history({ limit: 10 }), {
    items: [{ notification: sample, deliveries: [{ channelId: id, state: 'pending', attempts: 0 }] }],
  })
})
