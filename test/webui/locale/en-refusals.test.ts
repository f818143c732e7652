import Fastify from 'fastify'
import t from 'tap'
import { AwsSettingsBody, VcenterSettingsBody } from '../../../appliance/api/schemas/settings.ts'
import { AdministratorBody } from '../../../appliance/api/schemas/setup.ts'
import { ProxyBody } from '../../../appliance/api/schemas/system.ts'
import { validatorCompiler } from '../../../appliance/api/validator.ts'
import { doneElsewhere, fieldWords, refusalWords } from '../../../webui/locale/en-refusals.ts'
import { mistakes } from './texts.ts'

t.test('whatever a form of the API is refused for, the field is named in words and no pattern is shown', async t => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.setValidatorCompiler(validatorCompiler as Parameters<typeof app.setValidatorCompiler>[0])
  const schemas = { aws: AwsSettingsBody, vcenter: VcenterSettingsBody, admin: AdministratorBody, proxy: ProxyBody }
  for (const [name, body] of Object.entries(schemas)) app.post(`/${name}`, { schema: { body } }, async () => ({}))
  const aws = { region: 'eu-central-1', accessKeyId: 'A'.repeat(20), secretAccessKey: 's'.repeat(40) }
  const rows: [string, object, RegExp][] = [
    ['aws', { ...aws, region: 'frankfurt' }, /"region" is not taken. It has not the form/],
    ['aws', { ...aws, secretAccessKey: 'short' }, /"secret access key" is not taken. It needs 16 characters or more/],
    ['aws', { ...aws, secretAccessKey: 's'.repeat(400) }, /It may have 256 characters at most/],
    ['aws', { ...aws, endpoints: { s3: 'x' } }, /"endpoints: s3"/],
    ['aws', {}, /This is missing: region, access key ID, secret access key\./],
    ['aws', { ...aws, colour: 1 }, /"colour"/],
    ['vcenter', { host: 'a b', username: 'u', password: 'p' }, /"host"/],
    ['vcenter', { host: 'a', username: 'u', password: 'p', trust: { kind: 'ca', caPem: 'no' } }, /trust/],
    ['admin', { name: 'bad name!', password: 'x' }, /"name"/],
    ['admin', { name: 'anna', password: '' }, /"password" is not taken. It may not be empty/],
    ['proxy', { url: 'garbage' }, /"address"/],
  ]
  for (const [route, payload, wanted] of rows) {
    const answer = await app.inject({ method: 'POST', url: `/${route}`, payload })
    t.equal(answer.statusCode, 400)
    const words = refusalWords(answer.json().message)
    t.match(words?.message, wanted)
    t.notMatch(JSON.stringify(words), /\^|must |schema|body|openapi/, answer.json().message)
  }
})

t.test('a sentence of the appliance is left as it is', async t => {
  for (const own of ['The certificate is not readable as PEM', '"a b" is not a host name', 'A page of 0 items'])
    t.equal(refusalWords(own), undefined)
})

t.test('bounds of numbers are said, and places in lists left out', async t => {
  t.match(refusalWords('querystring/limit must be <= 500'), { message: /"limit".*at most 500/ })
  t.match(refusalWords('body/limit must be >= 1'), { message: /at least 1/ })
  t.equal(fieldWords('items/3/serverId'), 'items: server id')
  t.strictSame(mistakes(doneElsewhere), [])
})
