// GET /metrics: for the metrics token and the API token, and nobody else.
import t from 'tap'
import { createMetrics } from '../../appliance/metrics/metrics.ts'
import { readMetrics } from '../metrics/read-metrics.ts'
import { sampleNow, sampleReaders } from '../metrics/samples.ts'
import { apiToken, memoryApi, metricsToken } from './memory-api.ts'

const metrics = createMetrics({
  version: '1.2.3',
  readers: sampleReaders(),
  now: () => sampleNow,
  onError: error => t.fail('a reader failed', { error }),
})
const { api } = await memoryApi({ metrics })
t.teardown(async () => {
  await api.close()
  metrics.close()
})
const ask = (token: string | undefined, url = '/metrics') =>
  api.inject({ url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } })

t.test('both tokens open the metrics, in the form that Prometheus asks for', async t => {
  for (const token of [metricsToken, apiToken]) {
    const answer = await ask(token)
    t.equal(answer.statusCode, 200)
    t.equal(answer.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    t.match(await readMetrics(answer.body), { hoist_info: { samples: [{ value: 1 }] } })
  }
})

t.test('without a token nothing is told, and the metrics token opens nothing else', async t => {
  for (const token of [undefined, 'x'.repeat(43), ''])
    t.match((await ask(token)).json(), { code: 'UNAUTHORIZED', hint: /api-token or metrics-token/ })
  for (const url of ['/api/jobs', '/api/policy', '/api/backups', '/metrics/', '/Metrics'])
    t.equal((await ask(metricsToken, url)).statusCode, 401, url)
})

t.test('no token stands in what is told', async t => {
  const { body } = await ask(metricsToken)
  for (const token of [apiToken, metricsToken]) t.notOk(body.includes(token))
})
