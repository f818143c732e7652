import { CopySnapshotCommand, CreateTagsCommand } from '@aws-sdk/client-ec2'
import t from 'tap'
import { awaitSnapshot } from '../../appliance/aws/ec2-snapshot.ts'
import { registerImage, removeImage } from '../../appliance/aws/image.ts'
import { batches, imageUse, keepTagKey, snapshotsOfOtherImages } from '../../appliance/aws/image-use.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { awsLab, connect, makeBucket } from './aws-lab.ts'
import { importDisk } from './disk-import.ts'

t.test('ids are asked for in pieces that a filter takes', async t => {
  const ids = Array.from({ length: 401 }, (_, index) => `ami-${index}`)
  t.same(
    [...batches(ids)].map(batch => batch.length),
    [200, 200, 1],
  )
  t.same([...batches([])], [])
})

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const admin = connect(t, lab, { key: lab.aws.admin }).clients
  const bucket = await makeBucket(lab, clients)
  const tagsOf = (runId: string) =>
    ownershipTags({ connectorId: 'c0ffee00', jobId: 'j1', runId, serverId: 's1', serverName: 'web01' })
  const { snapshotId, sizeBytes } = await importDisk({
    ...{ clients, bucket, key: 'runs/r0/disk.vmdk', seed: 1, tags: tagsOf('r0') },
  })
  const imageOf = async (runId: string, id = snapshotId) => {
    const { imageId } = await registerImage({
      ...{ clients, name: `web01 ${runId}`, description: 'd', firmware: 'bios', vTpm: false, pollMs: 20 },
      ...{ snapshots: [{ snapshotId: id, sizeBytes }], tags: tagsOf(runId) },
    })
    return imageId
  }
  const tag = (id: string, value: string) =>
    admin.ec2.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: keepTagKey, Value: value }] }))
  const useOf = (...imageIds: string[]) =>
    imageUse({ clients, connectorId: 'c0ffee00', images: imageIds.map(imageId => ({ imageId, snapshotIds: [] })) })
  const instance = (imageId: string, state = 'running') =>
    lab.awsControl<{ id: string }>('POST', '/instances', { imageId, state })
  const copied = async () => {
    const copy = new CopySnapshotCommand({ SourceRegion: lab.aws.region, SourceSnapshotId: snapshotId })
    const { SnapshotId: id = '' } = await admin.ec2.send(copy)
    await awaitSnapshot({ clients, snapshotId: id, pollMs: 20 })
    return id
  }

  t.test('an image is in use as long as an instance of it is not terminated, and not by another image', async t => {
    const [running, stopped, gone, unused] = [
      await imageOf('r1'),
      await imageOf('r2'),
      await imageOf('r3'),
      await imageOf('r4'),
    ]
    await instance(running)
    await instance(running)
    await instance(stopped, 'stopped')
    await instance(gone, 'terminated')
    const use = await useOf(running, stopped, gone, unused)
    t.same([...use.inUse].sort(), [running, stopped].sort())
    t.same([...use.kept], [])
    t.same(await useOf(), { inUse: new Set(), kept: new Set(), createdAt: new Map() })
    const { id } = await instance(unused)
    t.same([...(await useOf(unused)).inUse], [unused])
    await lab.awsControl('POST', '/instances', { id, state: 'terminated' })
    t.equal((await useOf(unused)).inUse.size, 0)
  })

  t.test('an image is kept by its tag, or that of one of its snapshots, whatever the value but false', async t => {
    const own = [await copied(), await copied()]
    const [tagged, empty, refused, bySnapshot, notBySnapshot] = [
      await imageOf('r5'),
      await imageOf('r6'),
      await imageOf('r7'),
      await imageOf('r8', own[0]),
      await imageOf('r9', own[1]),
    ]
    await tag(tagged, 'audit 2026')
    await tag(empty, '')
    await tag(refused, 'False')
    await tag(own[0] ?? '', 'true')
    await tag(own[1] ?? '', 'false')
    const use = await useOf(tagged, empty, refused, bySnapshot, notBySnapshot)
    t.same([...use.kept].sort(), [tagged, empty, bySnapshot].sort())
    t.same([...use.inUse], [])
  })

  t.test('a converted image is kept by the tag of a snapshot of its replica, on which it does not stand', async t => {
    const [replica, other, copy] = [await copied(), await copied(), await copied()]
    const [converted, plain] = [await imageOf('r11', copy), await imageOf('r12', copy)]
    await tag(replica, 'true')
    const images = [
      { imageId: converted, snapshotIds: [copy, replica] },
      { imageId: plain, snapshotIds: [copy, other] },
    ]
    const { kept } = await imageUse({ clients, connectorId: 'c0ffee00', images })
    t.same([...kept], [converted])
  })

  t.test('an image has the time at which EC2 made it while it stands', async t => {
    const before = Date.now() - 1_000
    const [standing, gone] = [await imageOf('r13'), await imageOf('r14')]
    await removeImage({ clients, imageId: gone, snapshotIds: [] })
    const { createdAt } = await useOf(standing, gone)
    t.same([...createdAt.keys()], [standing])
    const at = createdAt.get(standing)?.getTime() ?? 0
    t.ok(at >= before && at <= Date.now() + 1_000, `${at}`)
  })

  t.test('snapshots on which other images stand are named', async t => {
    const mine = await copied()
    const imageId = await imageOf('r10', mine)
    const snapshotIds = [mine, snapshotId]
    t.same([...(await snapshotsOfOtherImages({ clients, imageId, snapshotIds }))], [snapshotId])
    t.same([...(await snapshotsOfOtherImages({ clients, imageId, snapshotIds: [] }))], [])
  })

  t.test('what cannot be asked is an error, never an image without use', async t => {
    const fault = (operation: string) =>
      lab.awsControl('POST', '/faults', { service: 'ec2', operation, kind: 'expiredToken' })
    for (const operation of ['DescribeInstances', 'DescribeImages']) {
      await fault(operation)
      await t.rejects(useOf('ami-00000000000000000'), { code: 'AWS_CREDENTIALS_EXPIRED' }, operation)
    }
  })
})
