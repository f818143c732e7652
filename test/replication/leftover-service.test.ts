// What carries the connector's mark outside, against the lab: removed when it is of no use, never when it may be a good replica.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DescribeImagesCommand, DescribeSnapshotsCommand } from '@aws-sdk/client-ec2'
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { pino } from 'pino'
import t from 'tap'
import { describeSnapshotImport, startSnapshotImport } from '../../appliance/aws/snapshot-import.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { leftoverService } from '../../appliance/replication/leftover-service.ts'
import { openStore, type Store } from '../../appliance/store/store.ts'
import { VcenterSession } from '../../appliance/vsphere/session.ts'
import { snapshotMark } from '../../appliance/vsphere/snapshot-mark.ts'
import { createVmSnapshot } from '../../appliance/vsphere/vm-snapshot.ts'
import { connect } from '../aws/aws-lab.ts'
import { uploadDisk } from '../aws/disk-import.ts'
import { startSite } from '../site.ts'
import { sampleJob, sampleRun } from '../store/samples.ts'
import { hasEnded, quickAws } from './endings.ts'

const signal = AbortSignal.timeout(240_000)
const site = await startSite({
  aws: quickAws,
  vms: ['web01', 'web02'].map((name, index) => ({
    name,
    disks: [0, 1].map(disk => ({ sizeBytes: 1 << 20, kind: 'noise' as const, fill: 1, seed: 2 * index + disk })),
  })),
})
t.teardown(() => site.stop())
await site.setUp()
const { host, connector, certificatePem } = site.lab.vcenter
const vcenter = await VcenterSession.open({ host, ...connector, trust: { kind: 'pinned', certificatePem } })
t.teardown(() => vcenter.close())
const { clients: aws } = connect(t, site.lab)
const { clients: admin } = connect(t, site.lab, { key: site.lab.aws.admin })
const { body: registration } = await site.call<{ connectorId: string; bucket: string }>('GET', '/api/registration')
const { connectorId, bucket } = registration
const sides = { connectorId, bucket, accountId: site.lab.aws.accountId, vcenter, aws }
const log = pino({ level: 'silent' })
const run = await site.replicate('web01')

/** The service on an empty database: one that was restored from before everything. */
async function onEmptyDatabase() {
  const directory = await mkdtemp(join(tmpdir(), 'hoist-leftovers-'))
  const store = await openStore(directory)
  t.teardown(async () => {
    store.close()
    await rm(directory, { recursive: true, force: true })
  })
  return { store, ...serviceOn(store) }
}

function serviceOn(store: Pick<Store, 'runs' | 'jobs'>) {
  const errors: unknown[] = []
  const state = { active: true, registered: true }
  const service = leftoverService({
    ...store,
    sides: async () => (state.registered ? sides : undefined),
    async confirm() {
      if (!state.active) throw new ApplianceError('CONNECTOR_READ_ONLY', 'm', { hint: 'h' })
    },
    onError: error => errors.push(error),
    log,
  })
  const verdicts = async () =>
    (await service.list(signal)).map(({ kind, runId, verdict }) => `${kind} ${runId} ${verdict}`).sort()
  return { service, verdicts, state, errors }
}

const images = async () => (await admin.ec2.send(new DescribeImagesCommand({ Owners: ['self'] }))).Images ?? []
const snapshots = async () =>
  (await admin.ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }))).Snapshots ?? []
const keysIn = async (Bucket: string) =>
  ((await admin.s3.send(new ListObjectsV2Command({ Bucket }))).Contents ?? []).map(({ Key: key }) => key)
const uploadsIn = async (Bucket: string) =>
  ((await admin.s3.send(new ListMultipartUploadsCommand({ Bucket }))).Uploads ?? []).map(({ Key: key }) => key)
const vmSnapshots = async () => {
  const vms = await site.lab.vcenterControl<{ name: string; snapshots: { name: string }[] }[]>('GET', '/vms')
  return vms.flatMap(({ name, snapshots }) => snapshots.map(snapshot => `${name} ${snapshot.name}`)).sort()
}
const snapshotBy = async (connector: string, runId: string) => {
  const { moref: serverMoref } = await site.server('web02')
  const mark = snapshotMark({ connectorId: connector, jobId: 'j', runId })
  await createVmSnapshot(vcenter, { serverMoref, ...mark, quiesce: false, signal })
}
const importBy = async (connector: string, runId: string, key: string) => {
  await uploadDisk(admin, bucket, key, 1)
  const ownership = { connectorId: connector, jobId: 'j', runId, serverId: 's', serverName: 'web02' }
  const { taskId } = await startSnapshotImport({
    ...{ clients: connector === connectorId ? aws : admin, bucket, key, description: runId, roleName: 'vmimport' },
    ...{ encrypted: false, clientToken: `left-${runId}`, tags: ownershipTags(ownership) },
  })
  return taskId
}

t.test('a connector that is not registered has nothing', async t => {
  const { service, state } = await onEmptyDatabase()
  state.registered = false
  t.same(await service.list(signal), [])
  await service.reap(signal)
})

t.test('what a succeeded run made is kept', async t => {
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  const { body } = await site.call<{ items: { kind: string; verdict: string }[] }>('GET', '/api/leftovers')
  const kinds = body.items.map(({ kind, verdict }) => `${kind} ${verdict}`).sort()
  t.same(kinds, ['ebsSnapshot keep', 'ebsSnapshot keep', 'image keep', 'importTask keep', 'importTask keep'])
})

t.test('what a run works on is in use', async t => {
  await site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 100_000 })
  const begun = await site.begin('web02')
  const uploading = await site.until(begun.id, ({ disks }) => disks.every(disk => disk.uploadId) && disks.length > 0)
  const { service, verdicts, store } = await onEmptyDatabase()
  await store.jobs.create(sampleJob(1, { id: begun.jobId, serverId: begun.serverId }))
  const { id, jobId, serverId } = uploading
  await store.runs.create(sampleRun(1, { id, jobId, serverId, state: 'uploading' }))
  const own = (await verdicts()).filter(line => line.includes(id))
  t.same(own, [`upload ${id} inUse`, `upload ${id} inUse`, `vmSnapshot ${id} inUse`])
  await service.reap(signal)
  await site.lab.vcenterControl('POST', '/shape', { bytesPerSecond: 0 })
  const ended = await site.until(begun.id, hasEnded)
  t.equal(ended.state, 'succeeded', ended.failure?.message ?? '')
})

t.test('orphans go, each in its way; whatever is of others stays', async t => {
  const { service, verdicts, state, store } = await onEmptyDatabase()
  const [ours, theirs, failed, unknown] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()]
  const failure = { code: 'NFC_STALLED', message: 'm', hint: 'h', stage: 'uploading' as const }
  await store.jobs.create(sampleJob(1))
  await store.runs.create(sampleRun(1, { id: failed, state: 'failed', failure }))
  const foreign = `hoist-foreign-${randomUUID().slice(0, 8)}`
  const location = { CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' as const } }
  await admin.s3.send(new CreateBucketCommand({ Bucket: foreign, ...location }))
  await site.lab.awsControl('POST', '/tasks', { stepMs: 3000 })
  for (const [connector, runId, Bucket] of [
    [connectorId, ours, bucket],
    ['someone-else', theirs, foreign],
  ] as const) {
    await snapshotBy(connector, runId)
    await admin.s3.send(new PutObjectCommand({ Bucket, Key: `runs/${runId}/disk-2001.vmdk`, Body: 'x' }))
    await admin.s3.send(new CreateMultipartUploadCommand({ Bucket, Key: `runs/${runId}/disk-2002.vmdk` }))
  }
  await admin.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'notes/from-a-person.txt', Body: 'x' }))
  const task = await importBy(connectorId, failed, `runs/${failed}/disk-2000.vmdk`)
  await importBy(connectorId, unknown, `runs/${unknown}/disk-2000.vmdk`)
  const theirTask = await importBy('someone-else', theirs, 'notes/theirs.vmdk')
  const goodBefore = [await images(), await snapshots()]

  const found = await verdicts()
  t.same(
    found.filter(line => line.includes(ours)),
    [`object ${ours} remove`, `upload ${ours} remove`, `vmSnapshot ${ours} remove`],
  )
  t.same(
    found.filter(line => line.includes(failed)),
    [`importTask ${failed} remove`, `object ${failed} remove`],
  )
  const importing = [`importTask ${unknown} keep`, `object ${unknown} keep`]
  t.same(
    found.filter(line => line.includes(unknown)),
    importing,
    'AWS works on it: it may become a good replica',
  )
  t.notOk(found.some(line => line.includes(theirs)))
  const shown = (await service.list(signal)).find(({ kind }) => kind === 'vmSnapshot')
  t.match(shown, { serverName: 'web02', where: /web02: hoist-/, why: /not known/, createdAt: /Z$/ })
  t.same(
    Object.keys(shown ?? {}).filter(key => /remove|complete|snapshotIds/.test(key)),
    [],
  )

  t.comment('a listing removes nothing, and a connector that may not act removes nothing')
  state.active = false
  await t.rejects(service.clean(), { code: 'CONNECTOR_READ_ONLY' })
  await t.rejects(service.reap(signal), { code: 'CONNECTOR_READ_ONLY' })
  t.same(await verdicts(), found)

  state.active = true
  await Promise.all([service.reap(signal), service.reap(signal)])
  const left = await verdicts()
  t.same(
    left.filter(line => line.endsWith('remove')),
    [],
  )
  t.same(
    left.filter(line => line.includes(unknown)),
    importing,
  )
  t.same(await vmSnapshots(), [`web02 hoist-${theirs}`])
  t.same(await keysIn(bucket), [
    'connector/lease.json',
    'notes/from-a-person.txt',
    'notes/theirs.vmdk',
    `runs/${unknown}/disk-2000.vmdk`,
  ])
  t.same(await uploadsIn(bucket), [])
  t.same([await keysIn(foreign), await uploadsIn(foreign)].flat().length, 2)
  t.not((await describeSnapshotImport({ clients: admin, taskId: task }))?.status, 'active')
  t.equal((await describeSnapshotImport({ clients: admin, taskId: theirTask }))?.status, 'active')
  t.same([await images(), await snapshots()], goodBefore, 'nothing that is whole was touched')
  await site.lab.awsControl('POST', '/tasks', { stepMs: 20 })
})

t.test('what cannot be removed is left for the next time, and does not hold up the rest', async t => {
  const { service, verdicts } = await onEmptyDatabase()
  const runId = randomUUID()
  for (const disk of [2000, 2001])
    await admin.s3.send(new PutObjectCommand({ Bucket: bucket, Key: `runs/${runId}/disk-${disk}.vmdk`, Body: 'x' }))
  const refusal = { kind: 'error', code: 'AccessDenied', statusCode: 403 }
  await site.lab.awsControl('POST', '/faults', { service: 's3', operation: 'DeleteObject', ...refusal })
  await service.reap(signal)
  t.same(
    (await verdicts()).filter(line => line.includes(runId)),
    [`object ${runId} remove`],
  )
  await service.clean()
  await service.reap(signal)
  t.notOk((await verdicts()).some(line => line.includes(runId)))
})

t.test('a database that does not know a whole image offers it; once adopted it is kept', async t => {
  const { service, verdicts, state, store } = await onEmptyDatabase()
  const own = async () => (await verdicts()).filter(line => line.includes(run.id))
  const kept = [`ebsSnapshot ${run.id} keep`, `ebsSnapshot ${run.id} keep`]
  const tasks = [`importTask ${run.id} keep`, `importTask ${run.id} keep`]
  t.same(await own(), [...kept, `image ${run.id} adopt`, ...tasks])
  await service.reap(signal)
  t.same(await own(), [...kept, `image ${run.id} adopt`, ...tasks])

  await t.rejects(service.adopt('ami-0000', signal), { code: 'LEFTOVER_NOT_ADOPTABLE', hint: /adopt/ })
  state.active = false
  await t.rejects(service.adopt(run.imageId ?? '', signal), { code: 'CONNECTOR_READ_ONLY' })
  state.active = true
  const adopted = await service.adopt(run.imageId ?? '', signal)
  t.match(adopted, {
    ...{ id: run.id, jobId: run.jobId, serverId: run.serverId, serverName: 'web01', state: 'succeeded' },
    ...{ trigger: 'adopted', imageId: run.imageId },
  })
  t.same(adopted.imageSnapshotIds.toSorted(), run.imageSnapshotIds.toSorted())
  t.match(await store.jobs.get(run.jobId), { state: 'ended', serverName: 'web01' })
  t.same(await own(), [...kept, `image ${run.id} keep`, ...tasks])
  await t.rejects(service.adopt(run.imageId ?? '', signal), { code: 'LEFTOVER_NOT_ADOPTABLE' }, 'once')
  t.match(await store.runs.imagesOf(run.serverId), [{ imageId: run.imageId }])
})

t.test('an image of a run that the older database had ended is adopted beside that run', async t => {
  const { service, store } = await onEmptyDatabase()
  await store.jobs.create(sampleJob(1, { id: run.jobId, serverId: run.serverId }))
  const failure = { code: 'DATABASE_RESTORED', message: 'm', hint: 'h', stage: 'uploading' as const }
  const { id, jobId, serverId } = run
  await store.runs.create(sampleRun(1, { id, jobId, serverId, state: 'failed', failure, disks: [] }))
  await service.reap(signal)
  const adopted = await service.adopt(run.imageId ?? '', signal)
  t.not(adopted.id, run.id)
  t.equal(adopted.jobId, run.jobId)
  const image = (await service.list(signal)).find(({ id }) => id === run.imageId)
  t.match(image, { verdict: 'keep' })
  t.ok((await images()).some(({ ImageId: id }) => id === run.imageId))
})

t.test('what a run that was given up could not take away goes later, image before snapshots', async t => {
  const { service, store, verdicts } = await onEmptyDatabase()
  await store.jobs.create(sampleJob(1, { id: run.jobId, serverId: run.serverId }))
  const failure = { code: 'NFC_STALLED', message: 'm', hint: 'h', stage: 'uploading' as const }
  const { id, jobId, serverId } = run
  await store.runs.create(sampleRun(1, { id, jobId, serverId, state: 'failed', failure, disks: [] }))
  await service.reap(signal)
  const left = (await verdicts()).filter(line => line.includes(run.id) && !line.startsWith('importTask'))
  t.same(left, [])
  t.notOk((await images()).some(({ ImageId: id }) => id === run.imageId))
})
