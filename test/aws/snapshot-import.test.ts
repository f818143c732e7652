import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import {
  awaitSnapshotImport,
  describeSnapshotImport,
  startSnapshotImport,
  undoSnapshotImport,
} from '../../appliance/aws/snapshot-import.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { awsCli, awsLab, connect, makeBucket } from './aws-lab.ts'
import { uploadDisk } from './disk-import.ts'

const ownership = { connectorId: 'c0ffee00', jobId: 'j1', runId: 'r1', serverId: 's1', serverName: 'web01' }
const tags = ownershipTags(ownership)

t.test('with the lab', async t => {
  const lab = await awsLab(t, { config: { aws: { quotas: { importSnapshotTasks: 1 } } } })
  const { clients, retries } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const disk = await uploadDisk(clients, bucket, 'runs/r1/disk.vmdk', 1)
  let token = 0
  const start = (more: Partial<Parameters<typeof startSnapshotImport>[0]> = {}) =>
    startSnapshotImport({
      clients,
      bucket,
      key: disk.key,
      description: 'web01 Hard disk 1',
      roleName: 'vmimport',
      clientToken: `token-${token++}`,
      encrypted: false,
      tags,
      pollMs: 20,
      ...more,
    })
  const finish = (taskId: string, more: Partial<Parameters<typeof awaitSnapshotImport>[0]> = {}) =>
    awaitSnapshotImport({ clients, taskId, what: 'web01 Hard disk 1', tags, pollMs: 20, ...more })
  const snapshots = async () =>
    (await awsCli<{ Snapshots: { SnapshotId: string }[] }>(lab, 'ec2', 'describe-snapshots', '--owner-ids', 'self'))
      .Snapshots

  t.test('the snapshot holds the bytes, is completed, tagged and named', async t => {
    const words: string[] = []
    const { taskId } = await start()
    const { snapshotId } = await finish(taskId, { onStatus: status => words.push(status.statusMessage) })
    t.ok(words.includes('converting') || words.length > 1, words.join())
    const { file } = await lab.awsControl<{ file: string }>('GET', `/snapshots/${snapshotId}/file`)
    const hash = createHash('sha256')
    await pipeline(createReadStream(file, { end: disk.sizeBytes - 1 }), hash)
    t.equal(hash.digest('hex'), disk.sha256)
    const { Snapshots: found } = await awsCli<{
      Snapshots: { State: string; Tags: { Key: string; Value: string }[] }[]
    }>(lab, ...['ec2', 'describe-snapshots', '--snapshot-ids', snapshotId])
    t.equal(found[0]?.State, 'completed')
    t.same(Object.fromEntries((found[0]?.Tags ?? []).map(tag => [tag.Key, tag.Value])), tags)
  })

  t.test('the same client token gives the same task', async t => {
    const first = await start({ clientToken: 'same' })
    t.same(await start({ clientToken: 'same' }), first)
    await finish(first.taskId)
  })

  t.test('a full quota is waited for', async t => {
    const first = await start()
    let queued = 0
    const second = await start({ onQueued: () => queued++ })
    t.ok(queued > 0)
    t.same(retries, [], 'a quota is no failure to be repeated')
    await Promise.all([finish(first.taskId), finish(second.taskId)])
  })

  t.test('requests beyond the rate that EC2 allows are repeated and counted', async t => {
    await lab.awsControl('POST', '/faults', {
      ...{ service: 'ec2', operation: 'ImportSnapshot', kind: 'error', statusCode: 503 },
      ...{ code: 'RequestLimitExceeded', message: 'Request limit exceeded.' },
    })
    const { taskId } = await start()
    t.same(retries.splice(0), ['throttled ec2:ImportSnapshot'])
    await finish(taskId)
  })

  t.test("a refusal arrives with AWS's text and a hint, and leaves no snapshot", async t => {
    const before = (await snapshots()).length
    const fail =
      'ClientError: Disk validation failed [We do not have access to the given resource. Reason 403 Forbidden]'
    await lab.awsControl('POST', '/imports', { next: { fail } })
    const { taskId } = await start()
    await t.rejects(finish(taskId), {
      code: 'IMPORT_REFUSED',
      message: /web01 Hard disk 1.*Disk validation failed/,
      hint: /import role cannot read the bucket/,
    })
    t.equal((await snapshots()).length, before)
  })

  t.test('bytes that are no disk are refused by AWS', async t => {
    const { taskId } = await (async () => {
      const { PutObjectCommand } = await import('@aws-sdk/client-s3')
      await clients.s3.send(
        new PutObjectCommand({ Bucket: bucket, Key: 'runs/r1/noise.vmdk', Body: Buffer.alloc(100_000, 7) }),
      )
      return start({ key: 'runs/r1/noise.vmdk' })
    })()
    await t.rejects(finish(taskId), { code: 'IMPORT_REFUSED', message: /ClientError/ })
  })

  t.test('an abort ends the wait only; undone, the task is cancelled and leaves no snapshot', async t => {
    const before = (await snapshots()).length
    await lab.awsControl('POST', '/tasks', { stepMs: 2_000 })
    const { taskId } = await start()
    const stop = new AbortController()
    await t.rejects(finish(taskId, { signal: stop.signal, onStatus: () => stop.abort(new Error('cancelled')) }), {
      message: 'cancelled',
    })
    t.equal((await describeSnapshotImport({ clients, taskId }))?.status, 'active')
    await undoSnapshotImport({ clients, taskId, tags })
    await lab.awsControl('POST', '/tasks', { stepMs: 20 })
    type Tasks = { ImportSnapshotTasks: { SnapshotTaskDetail: { Status: string } }[] }
    const { ImportSnapshotTasks: found } = await awsCli<Tasks>(
      lab,
      ...['ec2', 'describe-import-snapshot-tasks', '--import-task-ids', taskId],
    )
    t.match(found[0]?.SnapshotTaskDetail.Status, /^delet/)
    t.equal((await snapshots()).length, before)
  })

  t.test('an encrypted snapshot is one', async t => {
    const { taskId } = await start({ encrypted: true })
    const { snapshotId } = await finish(taskId)
    const { Snapshots: found } = await awsCli<{ Snapshots: { Encrypted: boolean }[] }>(
      lab,
      ...['ec2', 'describe-snapshots', '--snapshot-ids', snapshotId],
    )
    t.equal(found[0]?.Encrypted, true)
  })

  t.test('a missing role is named when an import starts', async t => {
    await lab.awsControl('DELETE', '/roles/vmimport')
    await t.rejects(start(), { code: 'IMPORT_ROLE_MISSING', message: /vmimport/ })
  })
})
