// The routes of the system: what the machine tells, and the proxy.
import t from 'tap'
import { memoryApi } from './memory-api.ts'

const view = {
  ...{ hostname: 'h', version: '1', startedAt: 's', gateway: '10.0.0.1', dns: ['10.0.0.2'] },
  interfaces: [{ name: 'eth0', mac: '00:50:56:00:00:01', addresses: ['10.0.0.5/24'] }],
  ntp: { servers: ['ntp'], synchronized: true, offsetMs: -2, source: 'chrony' },
  clock: { now: 'n', awsSkewMs: 12 },
}
const bodies: unknown[] = []
const { api, call } = await memoryApi({
  system: {
    async view(signal) {
      t.notOk(signal.aborted)
      return view
    },
    async changeProxy(body) {
      bodies.push(body)
      return body.url === undefined ? {} : { proxy: { url: body.url, hasPassword: body.password !== undefined } }
    },
    proxy: async () => ({}),
  },
})
t.teardown(() => api.close())

t.test('what the machine tells is shown', async t => {
  t.same(await call('GET', '/api/system'), { status: 200, body: view })
})

t.test('a proxy is given as it is sent, and its password never comes back', async t => {
  const url = 'http://proxy:3128'
  t.same(await call('PUT', '/api/system/proxy', { url, username: 'u', password: 'p' }), {
    status: 200,
    body: { proxy: { url, hasPassword: true } },
  })
  t.same(await call('PUT', '/api/system/proxy', {}), { status: 200, body: {} })
  t.same(bodies, [{ url, username: 'u', password: 'p' }, {}])
  t.match(await call('PUT', '/api/system/proxy', { url: 'http://u:p@x' }), {
    status: 400,
    body: { code: 'INVALID_REQUEST' },
  })
})
