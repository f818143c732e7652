// After a crash, or a stop: what the next start makes of the runs that were under way.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeImportSnapshotTasksCommand, EC2Client } from '@aws-sdk/client-ec2'
import { pino } from 'pino'
import t from 'tap'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { Job, Run, RunStep } from '../../appliance/domain.ts'
import { abandonRuns, resumeRuns } from '../../appliance/replication/recover.ts'
import type { Runner } from '../../appliance/replication/runner.ts'
import { openStore, type Store } from '../../appliance/store/store.ts'
import { ApplianceProcess } from '../demo/appliance-process.ts'
import { createJob, importCatalog, setUp } from '../demo/drive.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { poll } from '../site.ts'
import { sampleJob, sampleRun } from '../store/samples.ts'
import { hasEnded, isUploading, isWhole, leftBehind, quickAws } from './endings.ts'

const mib = 1024 * 1024
const log = pino({ level: 'silent' })
const directory = await mkdtemp(join(tmpdir(), 'hoist-recover-'))
t.teardown(() => rm(directory, { recursive: true, force: true }))

t.test('runs in a stage that nothing executes are gone on with', async t => {
  const store = await openStore(join(directory, 'pure'))
  t.teardown(() => store.close())
  const resumed: string[] = []
  const runner = {
    executes: (runId: string) => runId === 'run-00003',
    resume: (job: Job, run: Run) => void resumed.push(`${job.id} ${run.id}`),
  } as unknown as Runner
  for (const number of [1, 2, 3]) await store.jobs.create(sampleJob(number))
  await store.runs.create(sampleRun(1, { state: 'uploading' }))
  await store.runs.create(sampleRun(2, { jobId: 'job-2', state: 'creatingImage' }))
  await store.runs.create(sampleRun(3, { jobId: 'job-3', state: 'uploading' }))
  await store.runs.create(sampleRun(4, { jobId: 'job-3', state: 'succeeded' }))
  await resumeRuns({ ...store, log }, runner)
  t.same(resumed, ['job-1 run-00001', 'job-2 run-00002'])

  t.comment('those of a database that is not the present end by that name, in a stage that they may have been in')
  const told: Run[] = []
  await abandonRuns({ ...store, log }, run => told.push(run))
  t.same(await store.runs.active(), [])
  t.match(
    told.map(({ id, state, failure, endedAt }) => ({ id, state, failure, endedAt })),
    [
      { id: 'run-00001', state: 'failed', failure: { code: 'DATABASE_RESTORED', stage: 'uploading', hint: /adopted/ } },
      { id: 'run-00002', state: 'failed', failure: { code: 'DATABASE_RESTORED' }, endedAt: /Z$/ },
      { id: 'run-00003', state: 'failed', failure: { code: 'DATABASE_RESTORED' } },
    ],
  )
})

t.test('with a real process', async t => {
  const names = ['upload', 'import', 'image', 'freeze', 'thaw', 'givenup', 'drained', 'lost', 'locked', 'gone']
  const lab = await startLab({
    config: {
      nfc: { pinEncoding: true },
      aws: quickAws,
      vms: names.map((name, index) => ({
        name,
        disks: [{ sizeBytes: (index % 6 === 0 ? 28 : 4) * mib, kind: 'noise' as const, fill: 1, seed: 7 + index }],
      })),
    },
  })
  t.teardown(() => lab.stop())
  let appliance = await start()
  t.teardown(() => appliance.stop())
  await setUp(appliance, lab)
  const servers = await importCatalog(appliance)

  function start(): Promise<ApplianceProcess> {
    return ApplianceProcess.start({
      dataDir: join(directory, 'data'),
      logFile: join(directory, 'appliance.log'),
      env: {
        ...{ HOIST_POLL_MS: '50', HOIST_SCHEDULE_MS: '50', HOIST_RESUME_MS: '20', HOIST_LEASE_MS: '1000' },
        HOIST_MACHINE_ID: 'recover',
      },
    })
  }
  const kill = () => appliance.stop('SIGKILL')
  const startAgain = async () => {
    appliance = await start()
  }
  const view = (id: string) => appliance.call<RunView>('GET', `/api/runs/${id}`)
  const until = (id: string, wanted: (run: RunView) => boolean) =>
    poll(async () => {
      const run = await view(id)
      return wanted(run) ? run : undefined
    })
  /** Starts a run, and waits until it is as wanted. */
  async function begin(name: string, wanted: (run: RunView) => boolean): Promise<RunView> {
    const jobId = await createJob(appliance, servers.find(server => server.name === name)?.id ?? '', {})
    const first = await poll(async () => {
      const { items } = await appliance.call<{ items: RunView[] }>('GET', `/api/runs?jobId=${jobId}`)
      return items[0]
    })
    return await until(first.id, wanted)
  }
  const vcenterFault = (body: object) => lab.vcenterControl('POST', '/faults', body)
  const awsFault = (body: object) => lab.awsControl('POST', '/faults', body)
  const shape = (bytesPerSecond: number) => lab.vcenterControl('POST', '/shape', { bytesPerSecond })
  async function heal() {
    await shape(0)
    await lab.vcenterControl('DELETE', '/faults')
    await lab.awsControl('DELETE', '/faults')
    await lab.awsControl('POST', '/tasks', { stepMs: 20 })
  }
  const has = (kind: RunStep['kind'], phase: RunStep['phase']) => (run: RunView) =>
    run.steps.some(step => step.kind === kind && step.phase === phase)

  t.test(
    'killed with a run in every stage, and again while it recovers: every run goes on and succeeds, nothing is made twice',
    async t => {
      await lab.awsControl('DELETE', '/requests')
      const since = (await lab.vcenterControl<{ number: number }[]>('GET', '/requests')).at(-1)?.number ?? 0

      await awsFault({ service: 'ec2', operation: 'DescribeImages', kind: 'hold', skip: 1, times: -1 })
      const image = await begin('image', ({ state }) => state === 'creatingImage')
      await lab.awsControl('POST', '/tasks', { stepMs: 5000 })
      const imported = await begin('import', run => run.disks.some(disk => disk.importTaskId !== undefined))
      await vcenterFault({ kind: 'taskHold', method: 'RemoveSnapshot_Task' })
      const thaw = await begin('thaw', has('upload', 'proven'))
      await shape(8 * mib)
      const upload = await begin('upload', ({ disks }) => disks.some(disk => disk.uploadedBytes > 0))
      await vcenterFault({ kind: 'taskHold', method: 'CreateSnapshot_Task' })
      const freeze = await begin('freeze', has('vmSnapshot', 'intended'))

      await kill()
      await startAgain()
      await kill()
      await heal()
      await startAgain()
      const runs = await Promise.all([image, imported, thaw, upload, freeze].map(({ id }) => until(id, hasEnded)))
      for (const run of runs) {
        t.ok(run.resumptions >= 1, run.serverName)
        await isWhole(t, lab, run)
      }

      const vcenter = await lab.vcenterControl<{ method: string }[]>('GET', `/requests?since=${since}`)
      t.equal(
        vcenter.filter(({ method }) => method === 'CreateSnapshot_Task').length,
        5,
        'one snapshot for each server',
      )
      const aws = await lab.awsControl<Request[]>('GET', '/requests')
      const sent = (operation: string) => aws.filter(one => one.operation === operation && one.status === 200)
      t.equal(sent('CreateMultipartUpload').length, 5, 'one upload for each disk')
      t.equal(sent('CompleteMultipartUpload').length, 5)
      const parts = sent('UploadPart').map(({ path, query }) => `${path} ${/partNumber=\d+/.exec(query ?? '')?.[0]}`)
      t.same(parts.length, new Set(parts).size, 'what S3 had was not sent again')
      t.equal(parts.filter(part => part.includes(upload.id)).length, 4)
      t.equal(await importsOf(lab), 5, 'one import task for each disk')
      t.equal(sent('RegisterImage').length, 5)
    },
  )

  t.test(
    'killed while it took back what a run had made: it goes on with that, and the run fails by its first name',
    async t => {
      await lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: Disk validation failed' } })
      await awsFault({ service: 's3', operation: 'DeleteObject', kind: 'hold', times: -1 })
      const { id } = await begin('givenup', ({ failure }) => failure !== undefined)
      await kill()
      t.not((await leftBehind(lab)).length, 0)
      await heal()
      await startAgain()
      const run = await until(id, hasEnded)
      t.match(run, { state: 'failed', resumptions: 0, failure: { code: 'IMPORT_REFUSED', stage: 'converting' } })
      t.same(await leftBehind(lab), [])
    },
  )

  t.test('asked to stop, it is gone within ten seconds, takes nothing back, and goes on at the next start', async t => {
    await shape(4 * mib)
    const { id } = await begin('drained', ({ disks }) => disks.some(disk => disk.uploadedBytes > 0))
    await lab.awsControl('DELETE', '/requests')
    const startedAtMs = performance.now()
    await appliance.stop('SIGTERM')
    t.ok(performance.now() - startedAtMs < 10_000)
    t.equal(appliance.exitCode, 0)
    t.match((await leftBehind(lab)).join(), /snapshot of drained.*upload runs/)
    await heal()
    await startAgain()
    await isWhole(t, lab, await until(id, hasEnded))
    const aws = await lab.awsControl<Request[]>('GET', '/requests')
    const first = aws.filter(one => one.operation === 'UploadPart' && /partNumber=1(&|$)/.test(one.query ?? ''))
    t.same(first, [], 'the first part was kept')
    t.notOk(aws.some(one => one.operation === 'AbortMultipartUpload' || one.operation === 'CreateMultipartUpload'))
  })

  t.test('the answer to an import was lost with the process: the task is found by its token', async t => {
    await lab.awsControl('POST', '/tasks', { stepMs: 5000 })
    const before = await importsOf(lab)
    const { id } = await begin('lost', run => run.disks.some(disk => disk.importTaskId !== undefined))
    await kill()
    await withStore(async store => {
      const run = await store.runs.get(id)
      if (!run) return
      const disks = run.disks.map(({ importTaskId: _lost, ...disk }) => disk)
      const steps = run.steps.map(step => (step.kind === 'import' ? { ...step, phase: 'intended' as const } : step))
      await store.runs.save({ ...run, disks, steps })
    })
    await heal()
    await startAgain()
    await isWhole(t, lab, await until(id, hasEnded))
    t.equal(await importsOf(lab), before + 1)
  })

  t.test('vCenter is away at the next start, and AWS too: the run waits for both', async t => {
    await shape(mib)
    const { id } = await begin('locked', isUploading)
    await kill()
    await heal()
    await vcenterFault({ kind: 'away', seconds: 2 })
    await awsFault({ kind: 'reset', times: 3 })
    await startAgain()
    await isWhole(t, lab, await until(id, hasEnded))
  })

  t.test('the server left vCenter and the catalog meanwhile: the run fails by name, and its upload goes', async t => {
    await shape(mib)
    const { id } = await begin('gone', isUploading)
    await kill()
    await lab.vcenterControl('DELETE', '/vms/gone')
    await withStore(async store => store.servers.finish(await store.servers.begin()))
    await heal()
    await startAgain()
    const run = await until(id, hasEnded)
    t.match(run, { state: 'failed', failure: { code: 'SERVER_GONE', stage: 'uploading', hint: /import the catalog/ } })
    t.same(await leftBehind(lab), [])
  })
})

interface Request {
  operation: string
  path: string
  query?: string
  status: number
}

/** Reaches into the data of the appliance while it does not run. */
async function withStore(change: (store: Store) => Promise<unknown>): Promise<void> {
  const store = await openStore(join(directory, 'data'))
  try {
    await change(store)
  } finally {
    store.close()
  }
}

/** How many import tasks AWS knows. */
async function importsOf(lab: Lab): Promise<number> {
  const { endpoint, region, admin } = lab.aws
  const ec2 = new EC2Client({ endpoint, region, credentials: admin })
  const { ImportSnapshotTasks: tasks = [] } = await ec2.send(new DescribeImportSnapshotTasksCommand({}))
  ec2.destroy()
  return tasks.length
}
