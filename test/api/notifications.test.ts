// Notifications over the API: channels whose secrets go in and never come out, the Test button, and the history.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import swagger from '@fastify/swagger'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { handleErrors } from '../../appliance/api/error-handler.ts'
import { notificationRoutes } from '../../appliance/api/notifications.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { ErrorBody } from '../../appliance/api/schemas/common.ts'
import type { ChannelView, NotificationView } from '../../appliance/api/schemas/notifications.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { type Deliver, deliverer } from '../../appliance/notify/deliver.ts'
import { Dispatcher } from '../../appliance/notify/dispatcher.ts'
import { notificationService } from '../../appliance/notify/service.ts'
import { channelSecret } from '../../appliance/store/secrets.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sample } from '../notify/samples.ts'

const now = () => new Date('2026-11-21T06:00:00.000Z')
let ids = 0
const key = 'c4n4ry-signing-key'

async function api(t: Test, deliverBy?: Deliver) {
  const store = await openStore(t.testdir())
  const secret = (id: string) => store.secrets.get(channelSecret(id))
  const aws = () => Promise.reject(new ApplianceError('NOT_CONFIGURED', 'AWS is not set up', { hint: 'Set it up.' }))
  const deliver = deliverBy ?? deliverer({ aws, secret, now })
  const app = fastify().withTypeProvider<TypeBoxTypeProvider>() as unknown as Routes
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.addSchema(ErrorBody)
  handleErrors(app)
  await app.register(swagger, { openapi: { openapi: '3.1.0' } })
  notificationRoutes(
    app,
    notificationService({
      channels: store.channels,
      secrets: {
        get: secret,
        set: (id, value) => store.secrets.set(channelSecret(id), value),
        delete: id => store.secrets.delete(channelSecret(id)),
      },
      history: page => store.notifications.list(page),
      deliver,
      now,
      newId: () => `id-${++ids}`,
    }),
  )
  const dispatcher = new Dispatcher({
    outbox: store.notifications,
    deliver,
    now,
    log: pino({ level: 'silent' }),
    lookEveryMs: 2,
  })
  t.teardown(async () => {
    await dispatcher.stop()
    await app.close()
    store.close()
  })
  const answers: string[] = []
  const call = async <T = Record<string, unknown>>(
    method: 'GET' | 'POST' | 'PATCH' | 'DELETE',
    url: string,
    payload?: object,
  ) => {
    const response = await app.inject({ method, url: `/api/notifications${url}`, ...(payload ? { payload } : {}) })
    answers.push(response.body)
    return { status: response.statusCode, body: (response.body === '' ? undefined : response.json()) as T }
  }
  return { app, store, dispatcher, call, answers }
}

async function receiver(t: Test, status = 204) {
  const bodies: string[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(status).end()
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }
}

const smtp = {
  ...{
    kind: 'smtp',
    host: 'mail.example.com',
    port: 587,
    security: 'starttls',
    username: 'hoist',
    password: 'c4n4ry-pass',
  },
  ...{ from: 'hoist@example.com', to: ['ops@example.com'] },
}

t.test('a channel is made, listed, changed and deleted, and its secret is never answered', async t => {
  const { call, answers, store } = await api(t)
  const target = { kind: 'webhook', url: 'https://hooks.example.com/x', signingKey: key }
  const { status, body: made } = await call<ChannelView>('POST', '/channels', {
    name: 'ops',
    events: ['runFailed'],
    target,
  })
  t.equal(status, 201)
  t.match(made, {
    name: 'ops',
    enabled: true,
    events: ['runFailed'],
    target: { kind: 'webhook', url: 'https://hooks.example.com/***' },
  })
  t.equal(await store.secrets.get(channelSecret(made.id)), key)
  const { body: mail } = await call<ChannelView>('POST', '/channels', {
    name: 'mail',
    enabled: false,
    events: [],
    target: smtp,
  })
  t.match(mail, { enabled: false, target: { kind: 'smtp', username: 'hoist', to: ['ops@example.com'] } })
  t.strictSame((await call('GET', '/channels')).body, { items: [made, mail] })
  t.strictSame((await call('GET', `/channels/${made.id}`)).body, made)
  t.match((await call('PATCH', `/channels/${made.id}`, { name: 'night', events: ['jobPaused'] })).body, {
    name: 'night',
    events: ['jobPaused'],
    target: made.target,
  })
  t.match((await call('PATCH', `/channels/${mail.id}`, { target: { ...smtp, to: ['b@example.com'] } })).status, 200)
  t.equal((await call('DELETE', `/channels/${made.id}`)).status, 204)
  for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
    const patch = method === 'PATCH' ? { name: 'x' } : undefined
    t.match(await call(method, `/channels/${made.id}`, patch), { status: 404, body: { code: 'NOT_FOUND' } })
  }
  t.notMatch(answers.join('\n'), /c4n4ry/)
})

t.test('a bad channel is refused with code and hint, and nothing is made', async t => {
  const { call, answers } = await api(t)
  const { password: _, ...withoutPassword } = smtp
  const bad: [object, string][] = [
    [{ kind: 'webhook', url: 'https://hooks.example.com/' }, 'INVALID_REQUEST'],
    [{ kind: 'webhook', url: 'https://169.254.169.254/', signingKey: key }, 'NOTIFICATION_ADDRESS_REFUSED'],
    [{ kind: 'webhook', url: 'http://192.0.2.1/', signingKey: key }, 'NOTIFICATION_ADDRESS_REFUSED'],
    [{ kind: 'webhook', url: 'https://a:b@hooks.example.com/', signingKey: key }, 'INVALID_REQUEST'],
    [withoutPassword, 'INVALID_REQUEST'],
    [{ ...smtp, to: ['a@b.example\r\nBcc: c@d.example'] }, 'INVALID_REQUEST'],
    [{ kind: 'sns', topicArn: 'nonsense' }, 'INVALID_REQUEST'],
  ]
  for (const [target, code] of bad) {
    const answer = await call('POST', '/channels', { name: 'ops', events: [], target })
    t.match(answer, { status: 400, body: { code, hint: /./ } }, JSON.stringify(target))
  }
  t.match(await call('POST', '/channels', { name: 'ops', events: [], target: smtp, id: 'x' }), { status: 400 })
  t.strictSame((await call('GET', '/channels')).body, { items: [] })
  t.notMatch(answers.join('\n'), /c4n4ry/)
})

t.test('the Test button says that the receiver has it', async t => {
  const { call } = await api(t)
  const { bodies, url } = await receiver(t)
  const target = { kind: 'webhook', url, signingKey: key }
  const { body: made } = await call<ChannelView>('POST', '/channels', { name: 'ops', events: ['recovered'], target })
  t.strictSame(await call('POST', `/channels/${made.id}/test`), { status: 200, body: { delivered: true } })
  t.match(JSON.parse(bodies[0] ?? ''), { event: 'recovered', title: /^Test/, details: { test: 'true' } })
  t.match(await call('POST', '/channels/none/test'), { status: 404 })
})

t.test('the Test button says what went wrong, and what to do', async t => {
  const { call } = await api(t)
  const { url } = await receiver(t, 403)
  const test = async (target: object) => {
    const { body } = await call<ChannelView>('POST', '/channels', { name: 'ops', events: [], target })
    return call('POST', `/channels/${body.id}/test`)
  }
  t.match(await test({ kind: 'webhook', url, signingKey: key }), {
    status: 200,
    body: { delivered: false, error: { code: 'WEBHOOK_FAILED', message: /403/, hint: /signing key/ } },
  })
  t.match(await test({ kind: 'sns', topicArn: 'arn:aws:sns:eu-central-1:111122223333:hoist-x' }), {
    status: 200,
    body: { delivered: false, error: { code: 'NOT_CONFIGURED', hint: 'Set it up.' } },
  })
})

t.test('what is our own fault is answered as such, without its words', async t => {
  const { call } = await api(t, () => Promise.reject(new TypeError('inner words')))
  const target = { kind: 'sns', topicArn: 'arn:aws:sns:eu-central-1:111122223333:hoist-x' }
  const { body } = await call<ChannelView>('POST', '/channels', { name: 'ops', events: [], target })
  const answer = await call('POST', `/channels/${body.id}/test`)
  t.match(answer, { status: 500, body: { code: 'INTERNAL' } })
  t.notMatch(JSON.stringify(answer), /inner words/)
})

t.test('AWS that does not answer in time is told as such', async t => {
  const { call } = await api(t, () => Promise.reject(new DOMException('late', 'TimeoutError')))
  const target = { kind: 'sns', topicArn: 'arn:aws:sns:eu-central-1:111122223333:hoist-x' }
  const { body } = await call<ChannelView>('POST', '/channels', { name: 'ops', events: [], target })
  const answer = await call('POST', `/channels/${body.id}/test`)
  t.match(answer, { status: 200, body: { delivered: false, error: { code: 'AWS_UNREACHABLE' } } })
})

t.test('the history pages through what was told, with its state on each channel', async t => {
  const { call, dispatcher } = await api(t)
  const { bodies, url } = await receiver(t)
  const target = { kind: 'webhook', url, signingKey: key }
  const { body: made } = await call<ChannelView>('POST', '/channels', { name: 'ops', events: ['runFailed'], target })
  dispatcher.start()
  for (let n = 1; n <= 3; n++) await dispatcher.post({ ...sample, id: `n${n}`, at: `2026-11-21T05:00:0${n}.000Z` })
  type Page = { items: NotificationView[]; next?: string }
  let page: Page = { items: [] }
  while (page.items[0]?.deliveries[0]?.state !== 'delivered' || bodies.length < 3) {
    // Injected requests leave the event loop no turn of its own.
    await new Promise(setImmediate)
    page = (await call<Page>('GET', '?limit=2')).body
  }
  t.match(page.items[0], {
    id: 'n3',
    event: 'runFailed',
    title: sample.title,
    text: sample.text,
    details: sample.details,
  })
  t.match(page.items[0]?.deliveries, [{ channelId: made.id, state: 'delivered', attempts: 1, deliveredAt: /Z$/ }])
  const { body: rest } = await call<Page>('GET', `?limit=2&after=${page.next}`)
  t.strictSame(
    [...page.items, ...rest.items].map(({ id }) => id),
    ['n3', 'n2', 'n1'],
  )
  t.equal(rest.next, undefined)
  t.match(await call('GET', '?limit=0'), { status: 400 })
  t.match(await call('GET', '?after=nonsense'), { status: 400, body: { code: 'INVALID_REQUEST' } })
})

t.test('all of it is documented, the secrets as write-only', async t => {
  const { app } = await api(t)
  await app.ready()
  const { paths } = app.swagger() as { paths: Record<string, object> }
  t.strictSame(Object.keys(paths).sort(), [
    '/api/notifications',
    '/api/notifications/channels',
    '/api/notifications/channels/{id}',
    '/api/notifications/channels/{id}/test',
  ])
  const text = JSON.stringify(paths)
  t.equal(text.match(/"writeOnly":true/g)?.length, 4)
})
