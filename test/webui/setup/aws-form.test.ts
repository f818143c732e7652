import t from 'tap'
import Value from 'typebox/value'
import { AwsSettingsBody } from '../../../appliance/api/schemas/settings.ts'
import { awsBody, endpointForAll, formOf, oneEndpoint, services } from '../../../webui/setup/aws-form.ts'

const stored = {
  region: 'eu-central-1',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  endpoints: { s3: 'https://vpce.example' },
  importRoleName: 'vmimport',
}

t.test('the form never holds a stored secret, and sends what was filled in', async t => {
  const form = formOf(stored)
  t.equal(form.secretAccessKey, '')
  const body = awsBody({ ...form, secretAccessKey: 's'.repeat(40) })
  t.strictSame(body, {
    region: 'eu-central-1',
    accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
    secretAccessKey: 's'.repeat(40),
    importRoleName: 'vmimport',
    endpoints: { s3: 'https://vpce.example' },
  })
  t.ok(Value.Check(AwsSettingsBody, body))
  t.equal(awsBody({ ...form, endpoints: { s3: '' } }).endpoints, undefined)
})

t.test('the end of a session is sent with its token only, with its zone', async t => {
  const form = { ...formOf(stored), secretAccessKey: 's'.repeat(40), sessionEnds: '2026-03-01T02:00' }
  t.equal(awsBody(form).sessionExpiresAt, undefined)
  const body = awsBody({ ...form, sessionToken: 'token' })
  t.equal(Date.parse(body.sessionExpiresAt ?? ''), new Date('2026-03-01T02:00').getTime())
  t.ok(Value.Check(AwsSettingsBody, body))
  t.equal(awsBody({ ...form, sessionToken: 'token', sessionEnds: '' }).sessionExpiresAt, undefined)
})

t.test('one endpoint stands for all services, as long as they have the same', async t => {
  const url = 'https://gateway.example'
  const endpoints = endpointForAll(url)
  t.strictSame(Object.keys(endpoints), [...services])
  t.equal(oneEndpoint({ endpoints }), url)
  t.equal(oneEndpoint({ endpoints: { ...endpoints, ec2: 'https://other.example' } }), '')
  t.equal(oneEndpoint({ endpoints: { s3: url } }), '')
  t.equal(oneEndpoint({ endpoints: {} }), '')
})
