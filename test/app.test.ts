// The appliance as a whole, without a process: what a data directory keeps, what stopping does, who may run.
import { chmod, cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { RunView } from '../appliance/api/schemas/runs.ts'
import { createApp } from '../appliance/app.ts'
import { poll, siteConfig, startSite } from './site.ts'

const quiet = pino({ level: 'silent' })

t.test('a data directory keeps token, certificate and identity', async t => {
  const config = siteConfig(join(t.testdir(), 'made', 'by', 'it'))
  const first = await createApp(config, quiet)
  const headers = { authorization: `Bearer ${first.token}` }
  const { connectorId } = (await first.api.inject({ url: '/api/registration', headers })).json()
  await first.stop()
  const second = await createApp(config, quiet)
  t.equal(second.token, first.token)
  t.equal(second.certificatePem, first.certificatePem)
  t.equal((await second.api.inject({ url: '/api/registration', headers })).json().connectorId, connectorId)
  await second.stop()
})

t.test('a data directory has one appliance at a time', async t => {
  const config = siteConfig(t.testdir())
  const first = await createApp(config, quiet)
  await t.rejects(createApp(config, quiet), { code: 'STORE_LOCKED', hint: /HOIST_DATA_DIR/ })
  t.equal((await first.api.inject('/api/health/ready')).statusCode, 200, 'the first goes on')
  await first.stop()
})

t.test('an unsafe or emptied file stops the start, and leaves the directory free', async t => {
  const config = siteConfig(t.testdir())
  await (await createApp(config, quiet)).stop()
  const path = join(config.dataDir, 'api-token')
  const token = await readFile(path)
  await chmod(path, 0o644)
  await t.rejects(createApp(config, quiet), { code: 'PRIVATE_FILE_UNSAFE', hint: /chmod 600/ })
  await chmod(path, 0o600)
  await writeFile(path, '')
  await t.rejects(createApp(config, quiet), { code: 'PRIVATE_FILE_UNSAFE', message: /no token/ })
  await writeFile(path, token)
  const app = await createApp(config, quiet)
  t.equal(app.token, token.toString())
  await app.stop()
})

t.test('with a site', async t => {
  const site = await startSite({
    vms: [{ name: 'web01', disks: [{ sizeBytes: 1 << 20 }] }],
    aws: { timing: { stepMs: 20, settleMs: 0, completeMs: 20 } },
  })
  t.teardown(() => site.stop())
  const { lab } = site
  await site.setUp()

  t.test('a connector that is not registered runs nothing', async t => {
    await site.call('DELETE', '/api/registration')
    const run = await site.replicate('web01')
    t.match(run, { state: 'failed', failure: { code: 'NOT_CONFIGURED', stage: 'scheduled', hint: /Register/ } })
    const requests = await lab.vcenterControl<{ method?: string }[]>('GET', '/requests')
    t.notMatch(JSON.stringify(requests), /CreateSnapshot/)
    await site.call('POST', '/api/registration')
    await site.call('DELETE', `/api/jobs/${run.jobId}`)
  })

  t.test(
    'a stop leaves a run as it stands; the next start knows all of it, and goes on once S3 tells whose the lease is',
    async t => {
      await lab.awsControl('POST', '/faults', {
        ...{ service: 'ec2', operation: 'DescribeImportSnapshotTasks', kind: 'hold', times: -1 },
      })
      const begun = await site.begin('web01')
      await site.until(begun.id, ({ state }) => state === 'converting')
      const stopped = site.app.stop()
      await lab.awsControl('DELETE', '/faults')
      await stopped
      await site.app.stop() // once more does nothing
      const backup = await copyOf(t, site.dataDir)

      await lab.awsControl('POST', '/faults', { service: 's3', kind: 'expiredToken', times: -1 })
      const { get, post, app } = await open(t, site.dataDir)
      t.match(await get('/api/registration'), { registered: true })
      t.match(await get('/api/catalog'), { state: 'ready', servers: 1 })
      t.match(await get('/api/connector'), { state: 'unknown' })
      t.match(await post(`/api/jobs/${begun.jobId}/runs`), { code: /^(CONNECTOR_READ_ONLY|AWS_CREDENTIALS_EXPIRED)$/ })
      t.match(await get(`/api/runs/${begun.id}`), { state: 'converting', resumptions: 0 })
      await lab.awsControl('DELETE', '/faults')
      const run = await poll(async () => {
        const seen = await get<RunView>(`/api/runs/${begun.id}`)
        return seen.endedAt === undefined ? undefined : seen
      })
      t.match(run, { state: 'succeeded', resumptions: 1 }, run.failure?.message ?? '')
      const { snapshots } = await lab.vcenterControl<{ snapshots: Record<string, unknown[]> }>('GET', '/state')
      t.same(Object.values(snapshots).flat(), [])

      t.test('a clone on another machine does nothing until it takes over; then the first lets go', async t => {
        const clone = await open(t, await copyOf(t, site.dataDir), 'clone')
        const standing = () => clone.get<{ state: string }>('/api/connector')
        await poll(async () => ((await standing()).state === 'readOnly' ? true : undefined))
        t.match(await standing(), { state: 'readOnly', readOnlyReason: 'cloned' })
        t.match(await clone.post(`/api/jobs/${run.jobId}/runs`), { code: 'CONNECTOR_READ_ONLY', hint: /Decide/ })
        t.match(await clone.post('/api/connector/decision', { decision: 'takeOver' }), { state: 'active' })
        await poll(async () =>
          (await get<{ state: string }>('/api/connector')).state === 'readOnly' ? true : undefined,
        )
        t.match(await get('/api/connector'), { readOnlyReason: 'fenced' })
        t.match(await post(`/api/jobs/${run.jobId}/runs`), { code: 'CONNECTOR_READ_ONLY' })
        t.match(await post('/api/connector/decision', { decision: 'takeOver' }), { state: 'active' })
        await clone.app.stop()
      })

      t.test('an older database ends its runs when it takes over, and touches nothing of them', async t => {
        await app.stop()
        const old = await open(t, backup)
        await poll(async () =>
          (await old.get<{ state: string }>('/api/connector')).state === 'readOnly' ? true : undefined,
        )
        t.match(await old.get('/api/connector'), { readOnlyReason: 'restored' })
        t.match(await old.get(`/api/runs/${run.id}`), { state: 'converting', resumptions: 0 }, 'nothing goes on')
        const before = (await lab.awsControl<{ id: number }[]>('GET', '/requests')).at(-1)?.id ?? 0
        await old.post('/api/connector/decision', { decision: 'takeOver' })
        t.match(await old.get(`/api/runs/${run.id}`), { state: 'failed', failure: { code: 'DATABASE_RESTORED' } })
        const requests = await lab.awsControl<{ operation: string }[]>('GET', `/requests?since=${before}`)
        t.notMatch(requests.map(({ operation }) => operation).join(), /Delete|Deregister|Abort|Cancel/)
        const { items } = await old.get<{ items: { kind: string; verdict: string; id: string }[] }>('/api/leftovers')
        t.match(
          items.filter(({ kind }) => kind === 'image'),
          [{ id: run.imageId, verdict: 'adopt' }],
        )
        await old.app.stop()
      })
    },
  )
})

/** The data of an appliance that does not run, or of one that does, as a copy of its machine would have it. */
async function copyOf(t: Test, dataDir: string): Promise<string> {
  const copy = join(t.testdir({}), 'data')
  await cp(dataDir, copy, { recursive: true })
  return copy
}

/** An appliance on this data, started, with its API. */
async function open(t: Test, dataDir: string, machineId = 'site') {
  const app = await createApp({ ...siteConfig(dataDir), machineId, leaseMs: 200 }, quiet)
  t.teardown(() => app.stop())
  app.start()
  const call = async (method: 'GET' | 'POST', url: string, payload?: object) => {
    const headers = { authorization: `Bearer ${app.token}` }
    return (await app.api.inject({ method, url, headers, ...(payload ? { payload } : {}) })).json()
  }
  return {
    app,
    get: async <T>(url: string) => (await call('GET', url)) as T,
    post: (url: string, payload?: object) => call('POST', url, payload),
  }
}
