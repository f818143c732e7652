// The appliance as a whole, without a process: what a data directory keeps, what stopping does, who may run.
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import t from 'tap'
import type { RunView } from '../appliance/api/schemas/runs.ts'
import { createApp } from '../appliance/app.ts'
import { siteConfig, startSite } from './site.ts'

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

  t.test('stopping interrupts a run, which takes away what it made; the next start knows all of it', async t => {
    await lab.awsControl('POST', '/faults', {
      service: 'ec2',
      operation: 'DescribeImportSnapshotTasks',
      kind: 'hold',
      times: -1,
    })
    const begun = await site.begin('web01')
    await site.until(begun.id, ({ state }) => state === 'converting')
    const stopped = site.app.stop()
    await lab.awsControl('DELETE', '/faults')
    await stopped
    await site.app.stop() // once more does nothing
    const app = await createApp(siteConfig(site.dataDir), quiet)
    app.start()
    const headers = { authorization: `Bearer ${app.token}` }
    const get = async <T>(url: string) => (await app.api.inject({ url, headers })).json() as T
    t.match(await get<RunView>(`/api/runs/${begun.id}`), {
      state: 'failed',
      failure: { code: 'RUN_INTERRUPTED' },
      disks: [{ objectDeleted: true }],
    })
    t.match(await get('/api/health'), { ok: true }, 'settings and secrets are there')
    t.match(await get('/api/registration'), { registered: true })
    t.match(await get('/api/catalog'), { state: 'ready', servers: 1 })
    const { snapshots } = await lab.vcenterControl<{ snapshots: Record<string, unknown[]> }>('GET', '/state')
    t.same(Object.values(snapshots).flat(), [])
    await app.stop()
  })
})
