// The schema of a proxy: a URL without credentials.
import t from 'tap'
import Value from 'typebox/value'
import { ProxyAnswer, ProxyBody, SystemView } from '../../../appliance/api/schemas/system.ts'

t.test('a proxy is a URL without credentials, or none', async t => {
  for (const body of [{}, { url: 'http://proxy:3128' }, { url: 'https://10.0.0.1/', username: 'u', password: 'p' }])
    t.ok(Value.Check(ProxyBody, body))
  for (const body of [{ url: 'proxy' }, { url: 'http://u:p@proxy' }, { url: 'ftp://x' }, { password: '' }, { x: 1 }])
    t.notOk(Value.Check(ProxyBody, body), JSON.stringify(body))
  t.ok(Value.Check(ProxyAnswer, {}))
  t.notOk(Value.Check(ProxyAnswer, { proxy: { url: 'http://x', hasPassword: true, password: 'p' } }))
})

t.test('a machine that tells little of itself can be shown', async t => {
  const least = {
    hostname: 'h',
    version: '1',
    startedAt: 's',
    interfaces: [],
    dns: [],
    ntp: { servers: [] },
    clock: { now: 'n' },
  }
  t.ok(Value.Check(SystemView, least))
})
