import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { removeImage } from '../../appliance/aws/image.ts'
import {
  awaitImageImport,
  type ConvertImageInput,
  convertImage,
  describeImageImport,
  undoImageImport,
} from '../../appliance/aws/image-import.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { awsCli, awsLab, connect, makeBucket } from './aws-lab.ts'
import { importDisk } from './disk-import.ts'

const tags = ownershipTags({ connectorId: 'c0ffee00', jobId: 'j1', runId: 'r1', serverId: 's1', serverName: 'web01' })

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const disk = await importDisk({ clients, bucket, key: 'runs/r1/disk.vmdk', seed: 1, tags })
  let token = 0
  const start = (more: Partial<ConvertImageInput> = {}) =>
    convertImage({
      clients,
      what: 'web01',
      description: 'web01, replicated by Hoist',
      guestId: 'debian12_64Guest',
      firmware: 'bios',
      licence: 'auto',
      encrypted: false,
      roleName: 'vmimport',
      clientToken: `image-${token++}`,
      snapshots: [{ snapshotId: disk.snapshotId, sizeBytes: disk.sizeBytes }],
      tags,
      pollMs: 20,
      ...more,
    })
  const finish = (taskId: string, more: Partial<Parameters<typeof awaitImageImport>[0]> = {}) =>
    awaitImageImport({ clients, taskId, what: 'web01', tags, pollMs: 20, ...more })
  const shaOf = async (snapshotId: string) => {
    const { file } = await lab.awsControl<{ file: string }>('GET', `/snapshots/${snapshotId}/file`)
    const hash = createHash('sha256')
    await pipeline(createReadStream(file, { end: disk.sizeBytes - 1 }), hash)
    return hash.digest('hex')
  }
  const idsOf = async (what: 'images' | 'snapshots') =>
    what === 'images'
      ? (await awsCli<{ Images: { ImageId: string }[] }>(lab, 'ec2', 'describe-images', '--owners', 'self')).Images.map(
          image => image.ImageId,
        )
      : (
          await awsCli<{ Snapshots: { SnapshotId: string }[] }>(lab, 'ec2', 'describe-snapshots', '--owner-ids', 'self')
        ).Snapshots.map(snapshot => snapshot.SnapshotId)

  t.test('a refused conversion gives AWS text and hint, and leaves neither image nor copies', async t => {
    await lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: Unsupported kernel version 6.99.0' } })
    const { taskId } = await start()
    await t.rejects(finish(taskId), {
      code: 'IMPORT_REFUSED',
      message: /web01.*Unsupported kernel/,
      hint: /registered/,
    })
    t.same(await idsOf('images'), [])
    t.same(await idsOf('snapshots'), [disk.snapshotId])
  })

  t.test('a guest, licence or number of disks that VM Import cannot take is refused before AWS is asked', async t => {
    await t.rejects(start({ guestId: 'freebsd13_64Guest' }), { code: 'GUEST_UNSUPPORTED', message: /freebsd13/ })
    await t.rejects(start({ licence: 'aws' }), { code: 'GUEST_UNSUPPORTED', message: /licence/ })
    const many = Array.from({ length: 22 }, () => ({ snapshotId: disk.snapshotId, sizeBytes: 1 }))
    await t.rejects(start({ snapshots: many }), { code: 'GUEST_UNSUPPORTED', message: /21/ })
  })

  t.test('a conversion makes a tagged image on copies, and leaves the replica as it was', async t => {
    const { taskId } = await start()
    const { imageId, snapshotIds } = await finish(taskId)
    t.notOk(snapshotIds.includes(disk.snapshotId))
    t.equal(snapshotIds.length, 1)
    t.equal(await shaOf(disk.snapshotId), disk.sha256)
    type Described = { Tags: { Key: string; Value: string }[]; [field: string]: unknown }
    const { Images: images } = await awsCli<{ Images: Described[] }>(
      lab,
      'ec2',
      'describe-images',
      '--image-ids',
      imageId,
    )
    t.match(images[0], { State: 'available', Architecture: 'x86_64', BootMode: 'legacy-bios' })
    const { Snapshots: snapshots } = await awsCli<{ Snapshots: Described[] }>(
      lab,
      ...['ec2', 'describe-snapshots', '--snapshot-ids', ...snapshotIds],
    )
    for (const made of [images[0], snapshots[0]]) {
      t.same(Object.fromEntries((made?.Tags ?? []).map(tag => [tag.Key, tag.Value])), tags)
    }
    await removeImage({ clients, imageId, snapshotIds })
    t.same(await idsOf('snapshots'), [disk.snapshotId])
  })

  t.test('an abort ends the wait only; undone, the task is cancelled and leaves neither image nor copies', async t => {
    await lab.awsControl('POST', '/tasks', { stepMs: 2_000 })
    const { taskId } = await start()
    const stop = new AbortController()
    await t.rejects(finish(taskId, { signal: stop.signal, onStatus: () => stop.abort(new Error('cancelled')) }), {
      message: 'cancelled',
    })
    t.equal((await describeImageImport({ clients, taskId }))?.status, 'active')
    await undoImageImport({ clients, taskId, what: 'web01', tags })
    await lab.awsControl('POST', '/tasks', { stepMs: 20 })
    t.same(await idsOf('images'), [])
    t.same(await idsOf('snapshots'), [disk.snapshotId])
  })
})
