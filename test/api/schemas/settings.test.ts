// Which settings the API takes.
import t from 'tap'
import Value from 'typebox/value'
import { AwsSettingsBody, CertificateQuery, VcenterSettingsBody } from '../../../appliance/api/schemas/settings.ts'

t.test(
  'a host is a name or an address, with or without a port, also as a browser shows it, and nothing else',
  async t => {
    for (const host of [
      'vcenter.example',
      '10.0.0.1:443',
      '[::1]:8443',
      'vc-1',
      'https://vcenter',
      'https://vc:8443/ui/',
    ])
      t.ok(Value.Check(CertificateQuery, { host }), host)
    for (const host of ['', 'ftp://vcenter', 'a b', 'user@vc', 'https://user@vc', 'vc:', 'vc:123456']) {
      t.notOk(Value.Check(CertificateQuery, { host }), JSON.stringify(host))
    }
  },
)

t.test('vCenter needs its account, and a trust of one of the two kinds, if any', async t => {
  const body = { host: 'vc', username: 'u', password: 'p' }
  const certificatePem = '-----BEGIN CERTIFICATE-----\n'
  t.ok(Value.Check(VcenterSettingsBody, { ...body, trust: { kind: 'pinned', certificatePem } }))
  t.ok(Value.Check(VcenterSettingsBody, { ...body, trust: { kind: 'ca', caPem: certificatePem } }))
  t.ok(Value.Check(VcenterSettingsBody, body), 'what is trusted stays, for the same host')
  t.notOk(Value.Check(VcenterSettingsBody, { ...body, password: undefined }))
  t.notOk(Value.Check(VcenterSettingsBody, { ...body, trust: { kind: 'any' } }))
  t.notOk(Value.Check(VcenterSettingsBody, { ...body, trust: { kind: 'pinned', certificatePem, caPem: 'x' } }))
})

t.test('a proxy is given without credentials in its address', async t => {
  const body = { region: 'eu-central-1', accessKeyId: 'AKIAEXAMPLE000000000', secretAccessKey: 's'.repeat(40) }
  t.ok(Value.Check(AwsSettingsBody, body))
  t.ok(Value.Check(AwsSettingsBody, { ...body, proxyUrl: 'http://proxy.example:3128' }))
  t.notOk(Value.Check(AwsSettingsBody, { ...body, proxyUrl: 'http://user:secret@proxy.example' }))
  t.notOk(Value.Check(AwsSettingsBody, { ...body, region: 'Frankfurt' }))
  t.notOk(Value.Check(AwsSettingsBody, { ...body, endpoints: { s3: 'ftp://x' } }))
  t.notOk(Value.Check(AwsSettingsBody, { ...body, endpoints: { lambda: 'https://x' } }))
})
