import { CopySnapshotCommand } from '@aws-sdk/client-ec2'
import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { awaitSnapshot, tagResources } from '../../appliance/aws/ec2-snapshot.ts'
import { registerImage } from '../../appliance/aws/image.ts'
import { convertImage, describeImageImport } from '../../appliance/aws/image-import.ts'
import { listMarked } from '../../appliance/aws/marked.ts'
import { describeSnapshotImport, startSnapshotImport } from '../../appliance/aws/snapshot-import.ts'
import { ownershipTags, toTagList } from '../../appliance/aws/tags.ts'
import { awsLab, connect, connectorId, makeBucket } from './aws-lab.ts'
import { importDisk, uploadDisk } from './disk-import.ts'

const gib = 1024 ** 3
const ownershipOfRun = (runId: string, connector = connectorId) => ({
  ...{ connectorId: connector, jobId: 'j1', runId, serverId: 's1', serverName: 'web01' },
})
const tagsOf = (runId: string, connector = connectorId) => ownershipTags(ownershipOfRun(runId, connector))

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const admin = connect(t, lab, { key: lab.aws.admin }).clients
  const bucket = await makeBucket(lab, clients)
  const { accountId, region } = lab.aws
  const list = (more: { pageSize?: number; connectorId?: string } = {}) =>
    listMarked({ clients, connectorId, bucket, accountId, ...more })
  const startImport = async (runId: string, connector = connectorId) => {
    const disk = await uploadDisk(clients, bucket, `runs/${runId}/disk.vmdk`, 7)
    const { taskId } = await startSnapshotImport({
      ...{ clients, bucket, key: disk.key, description: runId, roleName: 'vmimport', encrypted: false },
      ...{ clientToken: `marked-${runId}`, tags: tagsOf(runId, connector) },
    })
    return taskId
  }
  const until = async <T>(ask: () => Promise<T | undefined>): Promise<T> => {
    for (;;) {
      const found = await ask()
      if (found !== undefined) return found
      await new Promise(done => setTimeout(done, 20))
    }
  }
  const snapshotOf = (taskId: string) =>
    until(async () => {
      const task = await describeSnapshotImport({ clients, taskId })
      return task?.status === 'completed' ? task.snapshotId : undefined
    })

  t.test('a connector without bucket and things has nothing', async t => {
    const found = await listMarked({ clients, connectorId: 'other', accountId })
    t.same(found, { snapshots: [], images: [], tasks: [], uploads: [], objects: [] })
  })

  t.test('uploads and objects below runs/ are listed with their runs, and nothing else of the bucket', async t => {
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'runs/r1/disk-2000.vmdk', Body: 'hello' }))
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'runs/stray', Body: 'x' }))
    await admin.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'connector/lease.json', Body: '{}' }))
    await admin.s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'elsewhere' }))
    const begin = new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'runs/r2/disk-2001.vmdk' })
    const { UploadId: uploadId } = await clients.s3.send(begin)
    const { objects, uploads } = await list()
    t.match(objects, [
      { key: 'runs/r1/disk-2000.vmdk', sizeBytes: 5, runId: 'r1', modifiedAt: Date },
      { key: 'runs/stray', runId: undefined },
    ])
    t.equal(objects.length, 2)
    t.match(uploads, [{ key: 'runs/r2/disk-2001.vmdk', uploadId, runId: 'r2', initiatedAt: Date }])
    t.equal(uploads.length, 1)
  })

  t.test('snapshots, images and tasks are told from those of other connectors', async t => {
    const ours = await importDisk({ clients, bucket, key: 'runs/r3/disk.vmdk', seed: 1, tags: tagsOf('r3') })
    const theirs = await importDisk({
      ...{ clients, bucket, key: 'runs/r4/disk.vmdk', seed: 2, tags: tagsOf('r4', 'another') },
    })
    const register = (runId: string, connector: string, { snapshotId, sizeBytes }: typeof ours) =>
      registerImage({
        ...{ clients, name: `web01 ${runId}`, description: 'd', firmware: 'bios', vTpm: false, pollMs: 20 },
        ...{ snapshots: [{ snapshotId, sizeBytes }], tags: tagsOf(runId, connector) },
      })
    const { imageId } = await register('r3', connectorId, ours)
    await register('r4', 'another', theirs)
    const found = await list()
    t.match(found.snapshots, [
      { snapshotId: ours.snapshotId, state: 'completed', sizeBytes: gib, tagged: true, startedAt: Date },
    ])
    t.equal(found.snapshots.length, 1)
    t.same(found.snapshots[0]?.mark, ownershipOfRun('r3'))
    t.match(found.images, [
      { imageId, name: 'web01 r3', state: 'available', snapshotIds: [ours.snapshotId], createdAt: Date, tagged: true },
    ])
    t.equal(found.images.length, 1)
    t.same(found.images[0]?.mark, ownershipOfRun('r3'))
    t.match(found.tasks, [{ kind: 'snapshot', status: 'completed', snapshotIds: [ours.snapshotId] }])
    t.equal(found.tasks.length, 1)
    const other = await list({ connectorId: 'another' })
    t.same(
      other.snapshots.map(snapshot => snapshot.snapshotId),
      [theirs.snapshotId],
    )
  })

  t.test('a snapshot that a crash left untagged is found through its task', async t => {
    await lab.awsControl('POST', '/tasks', { stepMs: 500 })
    const taskId = await startImport('r5')
    const active = (await list()).tasks.find(task => task.taskId === taskId)
    t.match(active, { kind: 'snapshot', status: 'active', statusMessage: String, mark: { runId: 'r5' } })
    await lab.awsControl('POST', '/tasks', { stepMs: 20 })
    const snapshotId = await snapshotOf(taskId)
    const found = (await list()).snapshots.find(snapshot => snapshot.snapshotId === snapshotId)
    t.match(found, { tagged: false, mark: { connectorId, runId: 'r5', serverName: 'web01' } })
    const foreign = await startImport('r6', 'another')
    const foreignId = await snapshotOf(foreign)
    t.notOk((await list()).snapshots.some(snapshot => snapshot.snapshotId === foreignId))
  })

  t.test("what was made by a task of ours and bears another connector's tag is not ours", async t => {
    const taskId = await startImport('r7')
    const snapshotId = await snapshotOf(taskId)
    await tagResources({ clients: admin, ids: [snapshotId], tags: { 'hoist:connector': 'another' } })
    t.notOk((await list()).snapshots.some(snapshot => snapshot.snapshotId === snapshotId))
  })

  t.test('an untagged image of a conversion is found with its snapshots', async t => {
    const disk = await importDisk({ clients, bucket, key: 'runs/r8/disk.vmdk', seed: 3, tags: tagsOf('r8') })
    const { taskId } = await convertImage({
      ...{ clients, what: 'web01', description: 'd', guestId: 'debian12_64Guest', firmware: 'bios', licence: 'auto' },
      ...{ encrypted: false, roleName: 'vmimport', clientToken: 'marked-r8', snapshots: [disk], tags: tagsOf('r8') },
    })
    const task = await until(async () => {
      const found = await describeImageImport({ clients, taskId })
      return found?.status === 'completed' ? found : undefined
    })
    const { images, snapshots, tasks } = await list()
    const image = images.find(one => one.imageId === task.imageId)
    t.match(image, { tagged: false, snapshotIds: task.snapshotIds, mark: { runId: 'r8' } })
    const copy = snapshots.find(one => one.snapshotId === task.snapshotIds[0])
    t.match(copy, { tagged: false, mark: { runId: 'r8' } })
    t.match(
      tasks.find(one => one.taskId === taskId),
      { kind: 'image', imageId: task.imageId, snapshotIds: task.snapshotIds },
    )
  })

  t.test('all pages are read', async t => {
    const [source] = (await list()).snapshots
    if (source === undefined) throw new Error('a snapshot')
    const copies = Array.from({ length: 12 }, async () => {
      const copy = new CopySnapshotCommand({
        ...{ SourceRegion: region, SourceSnapshotId: source.snapshotId },
        TagSpecifications: [{ ResourceType: 'snapshot', Tags: toTagList(tagsOf('r9')) }],
      })
      const { SnapshotId: snapshotId = '' } = await admin.ec2.send(copy)
      await awaitSnapshot({ clients, snapshotId, pollMs: 20 })
      return snapshotId
    })
    await Promise.all(copies)
    for (let index = 0; index < 7; index++) {
      await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: `runs/r9/disk-${index}.vmdk`, Body: 'x' }))
    }
    const whole = await list()
    await lab.awsControl('DELETE', '/requests')
    t.same(await list({ pageSize: 5 }), whole)
    t.equal(whole.snapshots.filter(snapshot => snapshot.mark.runId === 'r9').length, 12)
    t.equal(whole.objects.filter(object => object.runId === 'r9').length, 7)
    const requests = await lab.awsControl<{ operation: string }[]>('GET', '/requests')
    const times = (operation: string) => requests.filter(request => request.operation === operation).length
    t.ok(times('DescribeSnapshots') > 2)
    t.ok(times('ListObjectsV2') > 2)
    t.ok(times('DescribeImportSnapshotTasks') > 1)
  })
})
