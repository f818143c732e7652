// The log: canaries planted wherever a secret could be, and none of them found in what is written.
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { ApplianceError } from '../appliance/errors.ts'
import { createLogger, type Logger, scrub } from '../appliance/log.ts'

const canary = 'CANARY-8f3a-SECRET'

function capture(level: 'info' | 'trace' = 'info'): {
  logger: Logger
  text: () => string
  lines: () => Record<string, unknown>[]
} {
  let written = ''
  const destination = {
    write(text: string) {
      written += text
    },
  }
  const logger = createLogger({ logLevel: level }, destination)
  return {
    logger,
    text: () => written,
    lines: () =>
      written
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as Record<string, unknown>),
  }
}

function noCanary(t: Test, text: string): void {
  t.ok(text.length > 0, 'something was written')
  t.notMatch(text, new RegExp(canary), 'no canary')
}

const secretFields = [
  'password',
  'passwd',
  'Password',
  'newPassword',
  'proxyPassword',
  'proxy_password',
  'passphrase',
  'secret',
  'secretAccessKey',
  'SecretAccessKey',
  'sessionToken',
  'SessionToken',
  'token',
  'apiToken',
  'tokenValue',
  'x-amz-security-token',
  'authorization',
  'Authorization',
  'proxy-authorization',
  'proxyAuthorization',
  'cookie',
  'set-cookie',
  'setCookie',
  'credentials',
  'proxyCredentials',
  'privateKey',
  'keyPem',
  'key-file',
  'pem',
  'headers',
  'rawHeaders',
  '$response',
  'signature',
  'sessionKey',
]

t.test('a secret field is redacted at every depth, in lists, in child bindings and whatever its value is', async t => {
  const { logger, text } = capture()
  for (const field of secretFields) {
    const planted = { [field]: canary }
    logger.info(planted, 'one')
    logger.info({ settings: { vcenter: planted, list: [1, { deep: [planted] }] } }, 'two')
    logger.info({ [field]: { nested: [canary] } }, 'three')
    logger.info({ [field]: [canary] }, 'four')
    logger.child(planted).info('five')
    logger
      .child({ jobId: 'j', more: planted })
      .child({ last: { ...planted } })
      .error({ x: 1 }, 'six')
  }
  noCanary(t, text())
})

t.test('a secret inside a text is redacted, in fields, messages, formatted arguments and errors', async t => {
  const { logger, text } = capture()
  const texts = [
    `connect to http://admin:${canary}@proxy.example:3128/ failed`,
    `https://${canary}@host/`,
    `GET /?X-Amz-Signature=${canary}&X-Amz-Security-Token=${canary}&a=1`,
    `/api/events?token=${canary}`,
    `Authorization: Bearer ${canary}`,
    `Proxy-Authorization: Basic ${canary}==`,
    `Cookie: vmware_soap_session=${canary}; Path=/`,
    `AWS4-HMAC-SHA256 Credential=AKID, Signature=${'ab'.repeat(32)}`,
    `<Login><userName>u</userName><password>${canary}</password></Login>`,
    `<vim25:password xsi:type="xsd:string">${canary}</vim25:password>`,
    `-----BEGIN EC PRIVATE KEY-----\n${canary}\n-----END EC PRIVATE KEY-----`,
    `-----BEGIN PRIVATE KEY-----\n${canary}`,
  ]
  for (const secret of texts) {
    logger.info({ text: secret, deep: [{ secret: 1, text: secret }] }, 'field')
    logger.info(secret)
    logger.info('format %s', secret)
    logger.info({ a: 1 }, secret)
    logger.error(new Error(secret))
    logger.error({ err: new Error('outer', { cause: new Error(secret) }) }, 'error')
    logger.child({ text: secret }).info('child')
  }
  noCanary(t, text())
  t.notMatch(text(), /(ab){32}/)
  t.match(text(), /proxy\.example:3128/, 'the rest of the text stays')
})

t.test('an SDK error is reduced to what it says', async t => {
  const { logger, text, lines } = capture()
  const error = Object.assign(new Error('Access Denied'), {
    name: 'AccessDenied',
    $metadata: { httpStatusCode: 403, requestId: 'REQ-1', extra: canary },
    $response: { headers: { authorization: canary }, body: canary },
    config: { credentials: { secretAccessKey: canary }, plain: canary },
    request: { body: canary },
    options: canary,
  })
  const wrapped = new ApplianceError('INTERNAL', 'Could not read the bucket.', {
    cause: error,
    hint: 'Look at the policy.',
  })
  logger.error({ err: wrapped, error, list: [error] }, 'failed')
  logger.error(error)
  logger.error(wrapped, 'with words')
  noCanary(t, text())
  const [first] = lines()
  t.match(first, {
    level: 'error',
    msg: 'failed',
    err: {
      type: 'ApplianceError',
      code: 'INTERNAL',
      hint: 'Look at the policy.',
      statusCode: 500,
      stack: /log\.test\.ts/,
      cause: { type: 'AccessDenied', message: 'Access Denied', httpStatusCode: 403, requestId: 'REQ-1' },
    },
  })
  t.match(lines()[1], { msg: 'Access Denied', err: { type: 'AccessDenied' } })
})

t.test('foreign objects, bytes, loops and depths are named, not opened', async t => {
  class Client {
    config = canary
    toJSON() {
      return { config: canary }
    }
  }
  const loop: Record<string, unknown> = { name: 'loop' }
  loop.self = loop
  const { logger, text, lines } = capture()
  logger.info({ client: new Client(), map: new Map([['a', canary]]), bytes: Buffer.from(canary), loop }, 'odd')
  logger.info({ url: new URL(`https://u:${canary}@h.example/p?token=${canary}`), run: () => canary, big: 5n }, 'odd')
  noCanary(t, text())
  t.match(lines()[0], { client: '[Client]', map: '[Map]', bytes: '[18 bytes]' })
  t.match(lines()[1], { url: 'https://h.example/p', run: '[function]', big: '5' })
})

t.test('ordinary fields stay as they are', async t => {
  const { logger, lines } = capture()
  const fields = {
    jobId: 'j',
    bytes: 5,
    ok: true,
    nothing: null,
    clientToken: 'hoist-1',
    nextToken: 'n',
    tokenFile: '/data/api-token',
    secretName: 'vcenter.password',
    key: 2000,
    kmsKeyId: 'alias/x',
    list: [1, 'a', { b: 2 }],
  }
  logger.child({ runId: 'r' }).info({ ...fields, at: new Date(0) }, 'words')
  t.match(lines()[0], { level: 'info', msg: 'words', runId: 'r', ...fields, at: '1970-01-01T00:00:00.000Z' })
  t.strictSame(scrub({ at: new Date(Number.NaN) }), { at: null })
})

t.test('long texts and lists are cut', async t => {
  t.equal((scrub(Array.from({ length: 150 }, () => 1)) as unknown[]).length, 101)
  t.ok(String(scrub('x'.repeat(1_000_000))).length < 20_000)
})

t.test('the level decides what is written', async t => {
  const { logger, text } = capture('info')
  logger.debug('no')
  t.equal(text(), '')
  const all = capture('trace')
  all.logger.trace('yes')
  t.match(all.text(), /yes/)
})

t.test('requests that Fastify logs show method, path and status, and no header, query or body', async t => {
  const { logger, text, lines } = capture('trace')
  const app = Fastify({ loggerInstance: logger })
  app.post('/login', async request => {
    request.log.info({ req: request, body: { password: canary } }, 'handler')
    throw new Error(`https://u:${canary}@h/`)
  })
  await app.inject({
    method: 'POST',
    url: `/login?token=${canary}`,
    headers: { authorization: `Bearer ${canary}`, cookie: `session=${canary}` },
    payload: { password: canary },
  })
  await app.close()
  noCanary(t, text())
  t.match(lines()[0], { req: { method: 'POST', url: '/login' }, msg: 'incoming request' })
  t.ok(lines().some(line => (line.res as { statusCode?: number } | undefined)?.statusCode === 500))
})
