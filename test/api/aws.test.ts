// The routes of the wizard's view of AWS: documents to look at, and as files to download.
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { apiToken, memoryApi } from './memory-api.ts'

const asked: unknown[] = []
const { api, call } = await memoryApi({
  aws: {
    regions: () => [{ id: 'eu-central-1', name: 'Europe (Frankfurt)', partition: 'aws' }],
    identity: async () => ({
      accountId: '1',
      arn: 'a',
      missingActions: ['x:Y'],
      uncheckedActions: [],
      checkedBy: 'dryRun',
    }),
    async policies(query) {
      asked.push(query)
      if (query.region === 'us-east-1') throw new ApplianceError('NOT_CONFIGURED', 'Not set up', { hint: 'Enter' })
      return { connector: { Version: '2012-10-17' } }
    },
    template: async () => ({ Resources: {} }),
    createBucket: async () => ({ bucket: 'hoist-x', created: true }),
  },
})
t.teardown(() => api.close())

t.test('Regions, identity and bucket', async t => {
  t.match(await call('GET', '/api/aws/regions'), { status: 200, body: { regions: [{ id: 'eu-central-1' }] } })
  t.match(await call('GET', '/api/aws/identity'), { status: 200, body: { missingActions: ['x:Y'] } })
  t.same(await call('POST', '/api/aws/bucket'), { status: 200, body: { bucket: 'hoist-x', created: true } })
})

t.test('policies are shown, or downloaded in both forms', async t => {
  t.same(await call('GET', '/api/aws/policies'), { status: 200, body: { connector: { Version: '2012-10-17' } } })
  const download = (query: string) =>
    api.inject({ url: `/api/aws/policies?${query}`, headers: { authorization: `Bearer ${apiToken}` } })
  const json = await download('format=json&accountId=123456789012&region=eu-central-1')
  t.equal(json.headers['content-disposition'], 'attachment; filename="hoist-policies.json"')
  t.same(asked.at(-1), { accountId: '123456789012', region: 'eu-central-1' })
  const template = await download('format=cloudformation')
  t.match(template.headers, { 'content-disposition': /hoist-cloudformation\.json/, 'content-type': /json/ })
  t.same(template.json(), { Resources: {} })
  t.match(await call('GET', '/api/aws/policies?region=us-east-1'), { status: 409, body: { code: 'NOT_CONFIGURED' } })
  t.match(await call('GET', '/api/aws/policies?format=yaml'), { status: 400 })
})
