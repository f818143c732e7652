// Who sends a request: what passes for a session or token, how often one may ask, and what a broken request gets.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect } from 'node:tls'
import t from 'tap'
import { startAccessApi } from './access-api.ts'
import { apiToken, metricsToken } from './memory-api.ts'

const { api, lab, browser, signedIn, close } = await startAccessApi({
  limits: { anonymous: { burst: 30, perSecond: 2 }, known: { burst: 50, perSecond: 10 } },
})
t.teardown(close)
const status = async (authorization: string | undefined, url = '/api/tokens', address?: string) =>
  (await browser(address).ask('GET', url, undefined, { authorization })).status

t.test(
  'on this machine the token of the data directory opens every route, whatever the case of its scheme',
  async t => {
    t.equal(await status(`Bearer ${apiToken}`, '/api/tokens', '127.0.0.1'), 200)
    t.equal(await status(`bearer ${apiToken}`, '/api/tokens', '127.0.0.1'), 200)
    t.equal(await status(`Bearer ${apiToken}`), 401, 'and none from another')
  },
)

t.test('anything else is refused, also for routes that do not exist', async t => {
  const wrong = [
    undefined,
    '',
    'Bearer',
    'Bearer ',
    `Bearer  ${apiToken}`,
    `Basic ${apiToken}`,
    apiToken,
    `Bearer ${apiToken}x`,
  ]
  for (const authorization of [...wrong, `Bearer ${apiToken.slice(1)}`, 'Bearer ünïcode', `Bearer ${metricsToken}`]) {
    t.equal(await status(authorization), 401, String(authorization).slice(0, 12))
    const answer = await api.inject({
      url: '/api/none',
      remoteAddress: '203.0.113.1',
      headers: { authorization: authorization ?? '' },
    })
    t.match({ status: answer.statusCode, ...answer.json() }, { status: 401, code: 'UNAUTHORIZED', hint: /api-token/ })
  }
  lab.clock.add(60_000)
})

t.test('the metrics token opens the metrics only, and the hint says where it stands', async t => {
  for (const url of ['/api/jobs', '/api/none', '/metrics/', '/api/jobs?x=/metrics']) {
    const answer = await api.inject({ url, headers: { authorization: `Bearer ${metricsToken}` } })
    t.equal(answer.statusCode, 401, url)
  }
  t.match((await api.inject('/metrics')).json(), { hint: /metrics-token/ })
})

t.test('health needs no token, and no other spelling of its path passes for it', async t => {
  t.equal(await status(undefined, '/api/health/live'), 200)
  for (const url of [
    '/api/health/live/../../jobs',
    '//api/health/live',
    '/api/jobs#/api/health/live',
    '/api/health/live/',
  ])
    t.equal((await api.inject({ url, remoteAddress: '203.0.113.2' })).statusCode, 401, url)
})

t.test('who is not known may ask so often, then has to wait; others are not held up', async t => {
  const address = '198.51.100.9'
  const answers = []
  for (let time = 0; time < 35; time++) answers.push((await browser(address).ask('GET', '/api/session')).status)
  t.strictSame(answers, [...Array(30).fill(200), ...Array(5).fill(429)])
  const refused = await browser(address).ask('GET', '/api/session')
  t.match(refused, { body: { code: 'RATE_LIMITED' }, headers: { 'retry-after': '1' } })
  t.equal((await browser().ask('GET', '/api/session')).status, 200)
  lab.clock.add(500)
  t.equal((await browser(address).ask('GET', '/api/session')).status, 200)
})

t.test('who is signed in may ask more often, and a script on the appliance as often as it likes', async t => {
  const anna = await signedIn('administrator')
  const answers = []
  for (let time = 0; time < 60; time++) answers.push((await anna.ask('GET', '/api/tokens')).status)
  t.equal(answers.filter(answer => answer === 200).length, 50)
  for (let time = 0; time < 300; time++) {
    const { statusCode } = await api.inject({ url: '/api/tokens', headers: { authorization: `Bearer ${apiToken}` } })
    if (statusCode !== 200) t.fail(`${statusCode}`)
  }
})

t.test('a HEAD is let in as its GET is', async t => {
  t.equal((await browser().ask('HEAD', '/api/tokens')).status, 401)
  const anna = await signedIn('administrator', 'hedda')
  t.equal((await anna.ask('HEAD', '/api/tokens')).status, 200)
})

t.test('huge and broken headers end the connection, not the process', async t => {
  await api.listen({ host: '127.0.0.1', port: 0 })
  const { port } = api.server.address() as AddressInfo
  const send = async (head: string) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    socket.write(`GET /api/session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n\r\n`)
    // A reset is an answer too.
    return (await text(socket).catch(() => 'reset')).split('\r\n')[0]
  }
  const big = 'y'.repeat(20_000)
  for (const head of [`Cookie: __Host-hoist=${big}`, `X-Hoist-Csrf: ${big}`, `Authorization: Bearer ${big}`])
    t.match(await send(head), /^HTTP\/1.1 431|reset/)
  t.match(await send('Bad Header\u0000: x'), /^HTTP\/1.1 400|reset/)
  t.match(await send(`Cookie: ${'__Host-hoist=x; '.repeat(900)}`), /^HTTP\/1.1 200/)
  t.match(await send('Authorization: Bearer \u00ff\u00fe'), /^HTTP\/1.1 200/)
})

t.test('a stream of events ends with the session that opened it', async t => {
  const { port } = api.server.address() as AddressInfo
  const anna = await signedIn('administrator', 'ines')
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  socket.write(`GET /api/events HTTP/1.1\r\nHost: x\r\nCookie: ${anna.cookie}\r\n\r\n`)
  const [first] = await once(socket, 'data')
  t.match(String(first), /^HTTP\/1.1 200/)
  const closed = once(socket, 'close')
  await anna.ask('DELETE', '/api/session')
  socket.on('error', () => undefined)
  socket.resume()
  await closed
  t.pass('it was closed')
})
