import t from 'tap'
import Value from 'typebox/value'
import { AwsSettingsBody, CertificateQuery, VcenterSettingsBody } from '../../../appliance/api/schemas/settings.ts'
import { AdministratorBody } from '../../../appliance/api/schemas/setup.ts'
import { ProxyBody } from '../../../appliance/api/schemas/system.ts'
import { plainHost } from '../../../appliance/setup/host-name.ts'
import { parseHost } from '../../../appliance/vsphere/certificate.ts'
import { awsBody, awsErrors, formOf } from '../../../webui/setup/aws-form.ts'
import {
  caPemError,
  codeLength,
  endpointError,
  hasErrors,
  hostError,
  hostOf,
  mayBeCode,
  nameError,
  proxyError,
} from '../../../webui/setup/field-checks.ts'

const good = {
  ...formOf(undefined),
  region: 'eu-central-1',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 's'.repeat(40),
}

t.test('what the page takes for AWS the API takes, blanks around cut off; what it marks the API refuses', async t => {
  const rows: [Partial<typeof good>, keyof ReturnType<typeof awsErrors> | undefined][] = [
    [{}, undefined],
    [
      { region: ' eu-central-1 ', accessKeyId: ' AKIAIOSFODNN7EXAMPLE\n', secretAccessKey: ` ${'s'.repeat(40)} ` },
      undefined,
    ],
    [
      { sessionToken: ' token== ', assumeRoleArn: 'arn:aws:iam::123456789012:role/x', assumeRoleExternalId: 'ab' },
      undefined,
    ],
    [{ endpoints: { s3: ' https://s3.example ' } }, undefined],
    [{ region: 'frankfurt' }, 'region'],
    [{ region: '' }, 'region'],
    [{ accessKeyId: 'akia' }, 'accessKeyId'],
    [{ secretAccessKey: 'short' }, 'secretAccessKey'],
    [{ secretAccessKey: `${'s'.repeat(20)} ${'s'.repeat(20)}` }, 'secretAccessKey'],
    [{ sessionToken: 'a b' }, 'sessionToken'],
    [{ assumeRoleArn: 'vmimport' }, 'assumeRoleArn'],
    [{ assumeRoleExternalId: 'x' }, 'assumeRoleExternalId'],
    [{ importRoleName: 'a b' }, 'importRoleName'],
    [{ endpoints: { ec2: 'ec2.example' } }, 'ec2'],
  ]
  for (const [changes, wrong] of rows) {
    const form = { ...good, ...changes }
    const errors = awsErrors(form)
    t.equal(hasErrors(errors), wrong !== undefined, JSON.stringify(changes))
    if (wrong) t.type(errors[wrong], 'string', wrong)
    t.equal(Value.Check(AwsSettingsBody, awsBody(form)), wrong === undefined, JSON.stringify(changes))
  }
})

t.test('the name of an account and the proxy are what the API takes', async t => {
  for (const name of ['anna', ' anna ', 'a.b@c-d_e', 'bad name!', '', '-x', 'x'.repeat(65)])
    t.equal(nameError(name) === undefined, Value.Check(AdministratorBody, { name: name.trim(), password: 'x' }), name)
  for (const url of [
    'http://proxy:3128',
    ' https://proxy/ ',
    'garbage',
    'http://me@proxy',
    'ftp://proxy',
    'http://proxy/x',
  ])
    t.equal(proxyError(url) === undefined, Value.Check(ProxyBody, { url: url.trim() }), url)
  t.equal(proxyError(''), undefined)
  t.type(endpointError('https://me:secret@s3.example'), 'string')
})

t.test('a host is read as the appliance reads it, also out of the bar of a browser', async t => {
  const right = ['vc', 'vc.example:8443', ' https://vc.example:8443/ui/#/x ', '[::1]:444', '10.0.0.1', 'HTTP://vc/']
  for (const host of right) {
    t.equal(hostOf(host), plainHost(host), host)
    t.equal(hostError(host), undefined, host)
    t.ok(Value.Check(CertificateQuery, { host }), host)
    t.ok(Value.Check(VcenterSettingsBody, { host: hostOf(host), username: 'u', password: 'p' }), host)
    t.ok(parseHost(hostOf(host)), host)
  }
  for (const host of ['', '  ', 'https://', 'me@vc', 'vc:0', 'vc:99999', 'a b', 'vc:'])
    t.type(hostError(host), 'string', host)
})

t.test('a certificate of an authority is whole PEM, and a setup code is measured without its dashes', async t => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----'
  t.equal(caPemError(`\n${pem}\n`), undefined)
  for (const text of ['', 'no PEM', pem.slice(5), pem.slice(0, -5)]) t.type(caPemError(text), 'string', text)
  t.equal(codeLength(' kwtr-bhmx–pqnv dgfj '), 16)
  t.equal(codeLength('KWTR'), 4)
  for (const code of [' kwtr-bhmx–pqnv dgfj ', 'KWTRBHMXPQNVDGFJ', 'given at 7 pm!']) t.ok(mayBeCode(code), code)
  for (const code of ['', 'KWTR', 'elevenchars', 'x'.repeat(65)]) t.notOk(mayBeCode(code), code)
})
