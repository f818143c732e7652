// What the end of a run means for its job: failures are counted, a failing job is paused, old images go.

import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateTagsCommand, DescribeImagesCommand, DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2'
import { pino } from 'pino'
import t from 'tap'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { Job, Run } from '../../appliance/domain.ts'
import { countRun } from '../../appliance/replication/after-run.ts'
import { defaultPolicy } from '../../appliance/schedule/policy.ts'
import { openStore } from '../../appliance/store/store.ts'
import { startSite } from '../site.ts'
import { sampleJob, sampleRun } from '../store/samples.ts'
import { hasEnded, quickAws } from './endings.ts'

const failure = { code: 'NFC_STALLED', message: 'the host fell silent', hint: 'h', stage: 'uploading' as const }

t.test('counting', async t => {
  const directory = await mkdtemp(join(tmpdir(), 'hoist-after-'))
  const store = await openStore(directory)
  t.teardown(async () => {
    store.close()
    await rm(directory, { recursive: true, force: true })
  })
  let number = 0
  let told: [Run, Job, Job][] = []
  const never = () => Promise.reject(new Error('AWS is not asked'))
  const count = (run: Run, pauseAfterFailures: number) =>
    countRun(run, {
      ...store,
      ...{ aws: never, connectorId: never, confirm: never },
      policy: () => ({ ...defaultPolicy, pauseAfterFailures }),
      told: async (...all) => void told.push(all),
      manifestDirectory: directory,
      log: pino({ level: 'silent' }),
    })
  const ends = (jobId: string, state: Run['state'], pauseAfterFailures = 3) =>
    count(sampleRun(++number, { jobId, state, ...(state === 'failed' ? { failure } : {}) }), pauseAfterFailures)

  t.test('failures in a row pause the job, with why; a cancelled run counts for nothing', async t => {
    const { id } = await store.jobs.create(sampleJob(1))
    for (const state of ['failed', 'failed', 'cancelled'] as const) await ends(id, state)
    t.match(await store.jobs.get(id), { state: 'active', failuresInARow: 2 })
    told = []
    await ends(id, 'failed')
    t.match(await store.jobs.get(id), {
      state: 'paused',
      failuresInARow: 3,
      pausedBecause: /3 runs failed.*NFC_STALLED: the host fell silent/,
    })
    t.match(told, [
      [{ state: 'failed' }, { state: 'paused', failuresInARow: 3 }, { state: 'active', failuresInARow: 2 }],
    ])
  })

  t.test('a success starts the count anew', async t => {
    const { id } = await store.jobs.create(sampleJob(2))
    for (const state of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const) await ends(id, state)
    t.match(await store.jobs.get(id), { state: 'active', failuresInARow: 2 })
  })

  t.test('0 pauses never, and a job that a user paused or that has ended stays so', async t => {
    const { id } = await store.jobs.create(sampleJob(3))
    for (let run = 0; run < 9; run++) await ends(id, 'failed', 0)
    t.match(await store.jobs.get(id), { state: 'active', failuresInARow: 9 })
    await store.jobs.update(id, { state: 'ended' })
    await ends(id, 'failed')
    const job = await store.jobs.get(id)
    t.match(job, { state: 'ended', failuresInARow: 10 })
    t.notOk(job?.pausedBecause)
  })

  t.test('the same run counts once, however often its end is dealt with', async t => {
    const { id } = await store.jobs.create(sampleJob(4))
    const run = sampleRun(++number, { jobId: id, state: 'failed', failure })
    for (let turn = 0; turn < 3; turn++) await count(run, 2)
    t.match(await store.jobs.get(id), { state: 'active', failuresInARow: 1 })
  })

  t.test('a run whose job was deleted meanwhile is of no account', async t => {
    told = []
    await ends('none', 'failed')
    t.same(told, [])
  })
})

t.test('retention', async t => {
  const site = await startSite({
    aws: quickAws,
    vms: [{ name: 'web01', disks: [{ sizeBytes: 1 << 20, kind: 'noise', fill: 1, seed: 1 }] }],
  })
  t.teardown(() => site.stop())
  await site.setUp()
  const { endpoint, region, admin } = site.lab.aws
  const ec2 = new EC2Client({ endpoint, region, credentials: admin })
  t.teardown(() => ec2.destroy())
  const images = async () =>
    ((await ec2.send(new DescribeImagesCommand({ Owners: ['self'] }))).Images ?? []).map(({ ImageId: id }) => id).sort()
  const snapshots = async () =>
    ((await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }))).Snapshots ?? []).length
  const runs: RunView[] = [await site.replicate('web01', { retention: 1 })]
  const replicate = async () => {
    const { body } = await site.call<{ id: string }>('POST', `/api/jobs/${runs[0]?.jobId}/runs`)
    const run = await site.until(body.id, hasEnded)
    runs.push(run)
    // What its end means is dealt with before the job's next run can start.
    return run
  }
  const manifests = () => readdir(join(site.dataDir, 'manifests', runs[0]?.jobId ?? ''))
  const removed = async (index: number) =>
    await site.until(runs[index]?.id ?? '', ({ imageRemovedAt }) => !!imageRemovedAt)
  const idsOf = (...indexes: number[]) => indexes.map(index => runs[index]?.imageId).sort()

  t.test('the image before goes when the next stands: first the image, then its snapshot', async t => {
    await site.lab.awsControl('DELETE', '/requests')
    await replicate()
    await removed(0)
    t.same(await images(), idsOf(1))
    t.equal(await snapshots(), 1)
    t.same(await manifests(), [runs[1]?.id], 'what was noted of its blocks has gone with it')
    const requests = await site.lab.awsControl<{ operation: string; status: number }[]>('GET', '/requests')
    const order = requests.map(({ operation }) => operation).filter(name => /^(Deregister|DeleteSnapshot)/.test(name))
    t.same(order, ['DeregisterImage', 'DeleteSnapshot'])
  })

  t.test('an image that an instance was launched from stays, as does one that is tagged to be kept', async t => {
    const { id } = await site.lab.awsControl<{ id: string }>('POST', '/instances', { imageId: runs[1]?.imageId })
    await replicate()
    await ec2.send(
      new CreateTagsCommand({ Resources: [runs[2]?.imageId ?? ''], Tags: [{ Key: 'hoist:keep', Value: 'true' }] }),
    )
    await replicate()
    await replicate()
    await removed(3)
    t.same(await images(), idsOf(1, 2, 4))
    t.equal(await snapshots(), 3)

    await site.lab.awsControl('POST', '/instances', { id, state: 'terminated' })
    await replicate()
    await removed(1)
    await removed(4)
    t.same(await images(), idsOf(2, 5))
  })

  t.test(
    'images that cannot be removed now are removed after the next success; the run succeeds all the same',
    async t => {
      await site.lab.awsControl('POST', '/faults', {
        ...{
          service: 'ec2',
          operation: 'DeregisterImage',
          kind: 'error',
          code: 'UnauthorizedOperation',
          statusCode: 403,
        },
      })
      const run = await replicate()
      t.equal(run.state, 'succeeded')
      const last = await replicate()
      await removed(5)
      await removed(6)
      t.same(await images(), [runs[2]?.imageId, last.imageId].sort())
      t.match(await site.call('GET', `/api/jobs/${last.jobId}`), { body: { failuresInARow: 0 } })
    },
  )

  t.test('a job that is deleted with its images leaves those in use', async t => {
    const jobId = runs[0]?.jobId ?? ''
    t.equal((await site.call('DELETE', `/api/jobs/${jobId}?images=true`)).status, 204)
    t.same(await images(), idsOf(2))
    t.equal(await snapshots(), 1)
  })
})
