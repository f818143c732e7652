// Webhooks against real servers on loopback, which check the signature with code of their own.
import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { guardedLookup } from '../../appliance/notify/address-guard.ts'
import {
  checkWebhookUrl,
  sendWebhook,
  shownWebhookUrl,
  webhookBody,
  webhookSignature,
} from '../../appliance/notify/webhook.ts'
import { makeIdentity, serveTls } from '../vsphere/tls-server.ts'
import { sample } from './samples.ts'

const signingKey = 'a key of 32 characters and more — ü'

/** As a receiver would write it from the documentation, with the Web Crypto API. */
async function verified(header: string, body: string, key: string, toleranceS = 300): Promise<boolean> {
  const fields = new Map(header.split(',').map(field => field.split('=', 2) as [string, string]))
  const seconds = Number(fields.get('t'))
  if (!(Math.abs(Date.now() / 1000 - seconds) <= toleranceS)) return false
  const encoder = new TextEncoder()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await crypto.subtle.importKey('raw', encoder.encode(key), algorithm, false, ['verify'])
  const signature = Uint8Array.from(Buffer.from(fields.get('v1') ?? '', 'hex'))
  return crypto.subtle.verify('HMAC', imported, signature, encoder.encode(`${seconds}.${body}`))
}

interface Received {
  request: IncomingMessage
  body: string
}

/** Keeps what came, and answers it with `respond`. */
function recording(received: Received[], respond: RequestListener): RequestListener {
  return (request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      body += text
    })
    request.on('end', () => {
      received.push({ request, body })
      respond(request, response)
    })
  }
}

async function plainServer(t: Test, respond: RequestListener) {
  const received: Received[] = []
  const server = createServer(recording(received, respond))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { received, port, url: `http://127.0.0.1:${port}/hook/T0PSECRET?x=1` }
}

t.test('a receiver gets the notification as JSON, and can prove who sent it', async t => {
  const received: Received[] = []
  const identity = makeIdentity()
  const server = await serveTls(
    identity,
    recording(received, (_, response) => response.writeHead(204).end()),
  )
  t.teardown(() => server.close())
  const webhook = { url: `https://${server.host}/hook`, signingKey }
  await sendWebhook(webhook, sample, { caPem: identity.certificatePem })
  const [first] = received
  t.match(first?.request, { method: 'POST', url: '/hook', headers: { 'content-type': 'application/json' } })
  t.strictSame(JSON.parse(first?.body ?? ''), { ...sample })
  const header = String(first?.request.headers['hoist-signature'])
  t.match(header, /^t=\d{10},v1=[0-9a-f]{64}$/)
  t.equal(await verified(header, first?.body ?? '', signingKey), true)
  t.equal(await verified(header, `${first?.body} `, signingKey), false, 'another body')
  t.equal(await verified(header, first?.body ?? '', 'another key'), false)

  const later = new Date(Date.now() + 5_000)
  await sendWebhook(webhook, sample, { caPem: identity.certificatePem, now: () => later })
  t.equal(received[1]?.body, first?.body, 'the content of a repetition is the same')
  t.not(received[1]?.request.headers['hoist-signature'], header, 'its signature is of its own time')
})

t.test('the signature is the documented one', async t => {
  // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
  t.equal(
    webhookSignature('key', '{}', new Date(1_700_000_000_999)),
    't=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae',
  )
  t.equal(webhookBody(sample), webhookBody({ ...sample }))
})

t.test('a certificate that is not trusted is refused before anything is sent', async t => {
  const received: Received[] = []
  const server = await serveTls(
    makeIdentity(),
    recording(received, (_, response) => response.end()),
  )
  t.teardown(() => server.close())
  const sending = sendWebhook({ url: `https://${server.host}/`, signingKey }, sample)
  await t.rejects(sending, { code: 'WEBHOOK_FAILED', hint: /certificate/ })
  t.strictSame(received, [])
})

t.test('every 2xx is taken, nothing else; a redirect is not followed', async t => {
  let status = 200
  const elsewhere = await plainServer(t, (_, response) => response.end())
  const { url, received } = await plainServer(t, (_, response) => {
    response.writeHead(status, { location: elsewhere.url }).end('words')
  })
  for (status of [200, 201, 202, 204, 299]) await t.resolves(sendWebhook({ url, signingKey }, sample), String(status))
  for (status of [301, 302, 307, 308, 400, 401, 404, 410, 429, 500, 503])
    await t.rejects(
      sendWebhook({ url, signingKey }, sample),
      { code: 'WEBHOOK_FAILED', message: `${status}` },
      String(status),
    )
  t.equal(received.length, 16)
  t.strictSame(elsewhere.received, [])
})

t.test('an answer that never comes is given up, and the signal ends the wait', async t => {
  const { url, received } = await plainServer(t, () => undefined)
  await t.rejects(sendWebhook({ url, signingKey }, sample, { timeoutMs: 100 }), { message: /did not answer in time/ })
  const stop = new AbortController()
  const reason = new Error('stop')
  const sending = sendWebhook({ url, signingKey }, sample, { signal: stop.signal })
  while (received.length < 2) await new Promise(setImmediate)
  stop.abort(reason)
  await t.rejects(sending, reason)
})

t.test('of an endless answer only a little is read', async t => {
  let sent = 0
  const { url } = await plainServer(t, (_, response) => {
    const more = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536
    }
    response.on('drain', more)
    more()
  })
  await sendWebhook({ url, signingKey }, sample)
  t.ok(sent < 64 << 20, `${sent} bytes`)
  const trickle = await plainServer(t, (_, response) => {
    response.write('x')
  })
  await t.resolves(sendWebhook({ url: trickle.url, signingKey }, sample, { timeoutMs: 200 }), 'the status counts')
})

t.test('http, credentials and link-local addresses are refused', async t => {
  const refused: [string, string][] = [
    ['http://hooks.example.com/', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['http://192.0.2.1/', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['http://169.254.169.254/latest/meta-data', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['https://169.254.169.254/', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['https://0xa9fea9fe/', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['https://2852039166/', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['https://[fe80::1]/', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['https://[::ffff:169.254.169.254]/', 'NOTIFICATION_ADDRESS_REFUSED'],
    ['https://user:pass@hooks.example.com/', 'INVALID_REQUEST'],
    ['ftp://127.0.0.1/', 'INVALID_REQUEST'],
    ['nonsense', 'INVALID_REQUEST'],
  ]
  for (const [url, code] of refused) await t.rejects(sendWebhook({ url, signingKey }, sample), { code }, url)
  t.doesNotThrow(() => checkWebhookUrl('https://hooks.example.com/x'))
})

t.test('a name that resolves to a forbidden address is refused when it is connected to', async t => {
  const lookup = (address: string) => (rule: Parameters<typeof guardedLookup>[0]) =>
    guardedLookup(rule, (_name, _options, callback) => callback(null, [{ address, family: 4 }]))
  const send = (url: string, address: string) => sendWebhook({ url, signingKey }, sample, { lookup: lookup(address) })
  await t.rejects(send('https://rebound.example.com/', '169.254.169.254'), { code: 'NOTIFICATION_ADDRESS_REFUSED' })
  await t.rejects(send('http://rebound.localhost/', '192.0.2.1'), { code: 'NOTIFICATION_ADDRESS_REFUSED' })
  const { port, received } = await plainServer(t, (_, response) => response.end())
  await send(`http://hook.localhost:${port}/`, '127.0.0.1')
  t.equal(received.length, 1, 'plain http to a name of this machine')
})

t.test('errors name the host only: a path may be a secret', async t => {
  const { url, port } = await plainServer(t, (_, response) => response.writeHead(500).end())
  const errors = await Promise.all(
    [url, url.replace(String(port), '1')].map(to =>
      sendWebhook({ url: to, signingKey }, sample).catch((thrown: Error) => thrown),
    ),
  )
  for (const error of errors) {
    t.match(error, { code: 'WEBHOOK_FAILED' })
    t.notMatch(
      `${error?.message} ${error?.stack} ${(error?.cause as Error | undefined)?.message}`,
      /T0PSECRET|a key of/,
    )
  }
})

t.test('of a URL, only the origin is shown, unless there is nothing else', async t => {
  for (const [url, shown] of [
    ['https://hooks.test/services/T0/B0/secret', 'https://hooks.test/***'],
    ['https://hooks.test:8443/?token=secret', 'https://hooks.test:8443/***'],
    ['https://hooks.test/#secret', 'https://hooks.test/***'],
    ['https://hooks.test/', 'https://hooks.test/'],
    ['https://hooks.test', 'https://hooks.test'],
    ['https://hooks.test/***', 'https://hooks.test/***'],
    ['no url', '/***'],
  ] as const)
    t.equal(shownWebhookUrl(url), shown)
})
