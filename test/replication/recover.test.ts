// After a crash: kill -9 in the middle of a run, and what the next start makes of it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeImportSnapshotTasksCommand, DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2'
import t from 'tap'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import { openStore, type Store } from '../../appliance/store/store.ts'
import { ApplianceProcess } from '../demo/appliance-process.ts'
import { createJob, importCatalog, setUp } from '../demo/drive.ts'
import { findLeftovers } from '../demo/verify.ts'
import { startLab } from '../lab/lab.ts'
import { poll } from '../site.ts'

const mib = 1024 * 1024
const lab = await startLab({
  config: {
    vms: ['web01', 'web02', 'web03', 'web04', 'web05', 'web06'].map((name, index) => ({
      name,
      disks: [{ sizeBytes: 24 * mib, kind: 'noise' as const, fill: 1, seed: 7 + index }],
    })),
  },
})
const directory = await mkdtemp(join(tmpdir(), 'hoist-recover-'))
let appliance = await start()
t.teardown(async () => {
  await appliance.stop()
  await lab.stop()
  await rm(directory, { recursive: true, force: true })
})

function start(): Promise<ApplianceProcess> {
  return ApplianceProcess.start({
    dataDir: join(directory, 'data'),
    logFile: join(directory, 'appliance.log'),
    env: { HOIST_POLL_MS: '50', HOIST_SCHEDULE_MS: '50' },
  })
}

const runOf = async (jobId: string) =>
  (await appliance.call<{ items: RunView[] }>('GET', `/api/runs?jobId=${jobId}`)).items[0]

/** Kills the appliance when the run of a new job is as wanted, starts it again, and waits until that run has ended. */
async function killedWhen(
  serverId: string,
  wanted: (run: RunView) => boolean,
  meanwhile: (run: RunView) => Promise<unknown> = async () => undefined,
): Promise<RunView> {
  const jobId = await createJob(appliance, serverId, {})
  const killed = await poll(async () => {
    const run = await runOf(jobId)
    return run && wanted(run) ? run : undefined
  })
  await appliance.stop('SIGKILL')
  await meanwhile(killed)
  await lab.vcenterControl('POST', '/shape', { bytesPerSecond: 0 })
  await lab.awsControl('POST', '/tasks', { stepMs: 50 })
  appliance = await start()
  return await poll(async () => {
    const run = await runOf(jobId)
    return run?.endedAt === undefined ? undefined : run
  })
}

t.test('a run that was killed is taken back at the next start, and the job can run again', async t => {
  await setUp(appliance, lab)
  const servers = await importCatalog(appliance)
  const idOf = (name: string) => servers.find(server => server.name === name)?.id ?? ''

  await t.test('while disks were uploaded: no VM snapshot, no upload, no object', async t => {
    await lab.vcenterControl('POST', '/shape', { bytesPerSecond: 4 * mib })
    const run = await killedWhen(idOf('web01'), ({ disks }) => disks.some(disk => disk.uploadedBytes > 0))
    t.match(run, { state: 'failed', failure: { code: 'RUN_INTERRUPTED', stage: 'uploading' } })
    t.same(await findLeftovers(lab), [])
    const { id } = await appliance.call<{ id: string }>('POST', `/api/jobs/${run.jobId}/runs`)
    const again = await poll(async () => {
      const seen = await appliance.call<RunView>('GET', `/api/runs/${id}`)
      return seen.endedAt === undefined ? undefined : seen
    })
    t.equal(again.state, 'succeeded', again.failure?.message ?? '')
  })

  await t.test('while AWS imported: no object and no EBS snapshot besides the good ones', async t => {
    await lab.awsControl('POST', '/tasks', { stepMs: 2000 })
    const run = await killedWhen(idOf('web02'), ({ disks }) => disks.some(disk => disk.importTaskId !== undefined))
    t.match(run, { state: 'failed', failure: { code: 'RUN_INTERRUPTED', stage: 'converting' } })
    t.same(await findLeftovers(lab), [])
    const { endpoint, region, admin } = lab.aws
    const ec2 = new EC2Client({ endpoint, region, credentials: admin })
    const { Snapshots: left } = await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }))
    ec2.destroy()
    t.equal(left?.length, 1, 'only that of the first server')
  })

  await t.test('while AWS began an import whose answer was lost: it is found by its tag', async t => {
    await lab.awsControl('POST', '/tasks', { stepMs: 2000 })
    const run = await killedWhen(
      idOf('web03'),
      ({ disks }) => disks.some(disk => disk.importTaskId !== undefined),
      ({ id }) =>
        withStore(async store => {
          const stored = await store.runs.get(id)
          if (stored)
            await store.runs.save({ ...stored, disks: stored.disks.map(({ importTaskId: _, ...disk }) => disk) })
        }),
    )
    t.match(run, { state: 'failed', failure: { code: 'RUN_INTERRUPTED', stage: 'converting' } })
    t.same(await importsUnderWay(), [])
    t.same(await findLeftovers(lab), [])
  })

  await t.test('while vCenter made the snapshot: it is waited for, and removed', async t => {
    const { id: hold } = await lab.vcenterControl<{ id: number }>('POST', '/faults', {
      kind: 'hold',
      method: 'CreateSnapshot_Task',
      times: -1,
    })
    let released = false
    const release = async () => {
      released = true
      await lab.vcenterControl('DELETE', `/faults/${hold}`)
    }
    const run = await killedWhen(
      idOf('web04'),
      ({ state }) => state === 'uploading',
      async () => setTimeout(release, 1500),
    )
    t.ok(released, 'the run does not end before')
    t.match(run, { state: 'failed', failure: { code: 'RUN_INTERRUPTED', stage: 'uploading' } })
    t.same(await findLeftovers(lab), [])
  })

  await t.test('and vCenter lets nobody in at the next start: it is tried again', async t => {
    await lab.vcenterControl('POST', '/shape', { bytesPerSecond: 4 * mib })
    const run = await killedWhen(
      idOf('web05'),
      ({ disks }) => disks.some(disk => disk.uploadedBytes > 0),
      () => lab.vcenterControl('POST', '/faults', { kind: 'soap', method: 'Login', fault: 'RuntimeFault', times: 3 }),
    )
    t.match(run, { state: 'failed', failure: { code: 'RUN_INTERRUPTED', stage: 'uploading' } })
    t.same(await findLeftovers(lab), [])
  })

  await t.test('and the server left vCenter and the catalog: its uploads go nevertheless', async t => {
    await lab.vcenterControl('POST', '/shape', { bytesPerSecond: 4 * mib })
    const run = await killedWhen(
      idOf('web06'),
      ({ disks }) => disks.some(disk => disk.uploadedBytes > 0),
      async () => {
        await lab.vcenterControl('DELETE', '/vms/web06')
        await withStore(async store => store.servers.finish(await store.servers.begin()))
      },
    )
    t.match(run, { state: 'failed', failure: { code: 'RUN_INTERRUPTED', stage: 'uploading' } })
    t.same(await findLeftovers(lab), [])
  })
})

/** Reaches into the data of the appliance while it does not run. */
async function withStore(change: (store: Store) => Promise<unknown>): Promise<void> {
  const store = await openStore(join(directory, 'data'))
  try {
    await change(store)
  } finally {
    store.close()
  }
}

async function importsUnderWay() {
  const { endpoint, region, admin } = lab.aws
  const ec2 = new EC2Client({ endpoint, region, credentials: admin })
  const { ImportSnapshotTasks: tasks } = await ec2.send(new DescribeImportSnapshotTasksCommand({}))
  ec2.destroy()
  return tasks?.filter(task => task.SnapshotTaskDetail?.Status === 'active')
}
