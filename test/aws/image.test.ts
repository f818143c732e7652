import t from 'tap'
import { findImageOfRun, imageName, registerImage, removeImage } from '../../appliance/aws/image.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { awsCli, awsLab, connect, makeBucket } from './aws-lab.ts'
import { importDisk } from './disk-import.ts'

interface DescribedImage {
  ImageId: string
  Tags: { Key: string; Value: string }[]
  BlockDeviceMappings: { DeviceName: string; Ebs: Record<string, unknown> }[]
  [field: string]: unknown
}

const tagsOf = (runId: string) =>
  ownershipTags({ connectorId: 'c0ffee00', jobId: 'j1', runId, serverId: 's1', serverName: 'web01' })

t.test('an image name is unique and made of what AWS allows', async t => {
  const name = imageName('wéb #1 & co', '0199-aa-bb', new Date('2026-11-21T03:04:05Z'))
  t.equal(name, 'w_b _1 _ co 20261121T030405 0199aabb')
  t.ok(imageName('x'.repeat(200), 'r', new Date()).length <= 128)
})

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const disks: Awaited<ReturnType<typeof importDisk>>[] = []
  for (const seed of [1, 2])
    disks.push(await importDisk({ clients, bucket, key: `runs/r1/disk-${seed}.vmdk`, seed, tags: tagsOf('r1') }))
  const snapshots = disks.map(({ snapshotId, sizeBytes }) => ({ snapshotId, sizeBytes }))
  const register = (runId: string, more: Partial<Parameters<typeof registerImage>[0]> = {}) =>
    registerImage({
      clients,
      name: `web01 ${runId}`,
      description: 'web01, replicated by Hoist',
      firmware: 'bios',
      vTpm: false,
      snapshots,
      tags: tagsOf(runId),
      pollMs: 20,
      ...more,
    })
  const describe = async (imageId: string) =>
    (await awsCli<{ Images: DescribedImage[] }>(lab, 'ec2', 'describe-images', '--image-ids', imageId)).Images[0]

  t.test('a BIOS server becomes an x86_64 HVM image that boots as legacy BIOS, with all its disks', async t => {
    const { imageId } = await register('r1')
    const image = await describe(imageId)
    t.match(image, {
      State: 'available',
      Architecture: 'x86_64',
      VirtualizationType: 'hvm',
      EnaSupport: true,
      SriovNetSupport: 'simple',
      BootMode: 'legacy-bios',
      ImdsSupport: 'v2.0',
      RootDeviceName: '/dev/sda1',
    })
    t.notOk(image?.TpmSupport)
    t.match(image?.BlockDeviceMappings, [
      {
        DeviceName: '/dev/sda1',
        Ebs: { SnapshotId: snapshots[0]?.snapshotId, VolumeType: 'gp3', VolumeSize: 1, DeleteOnTermination: true },
      },
      {
        DeviceName: '/dev/sdf',
        Ebs: { SnapshotId: snapshots[1]?.snapshotId, VolumeType: 'gp3', DeleteOnTermination: true },
      },
    ])
    t.same(Object.fromEntries((image?.Tags ?? []).map(tag => [tag.Key, tag.Value])), tagsOf('r1'))
  })

  t.test('the same run finds its image again, also by a lost answer', async t => {
    const first = await findImageOfRun({ clients, connectorId: 'c0ffee00', runId: 'r1' })
    t.equal((await register('r1')).imageId, first)
    await lab.awsControl('POST', '/faults', { service: 'ec2', operation: 'RegisterImage', kind: 'reset' })
    const { imageId } = await register('r2')
    t.match(await describe(imageId), { Name: 'web01 r2' })
  })

  t.test('a UEFI server with a vTPM gets UEFI and a TPM; a vTPM under BIOS is left out', async t => {
    const uefi = await register('r3', { firmware: 'efi', vTpm: true })
    t.match(await describe(uefi.imageId), { BootMode: 'uefi', TpmSupport: 'v2.0' })
    const bios = await register('r4', { vTpm: true })
    t.notOk((await describe(bios.imageId))?.TpmSupport)
  })

  t.test('the disk that boots is the root, wherever it stands', async t => {
    const [first, second] = snapshots
    if (first === undefined || second === undefined) throw new Error('two snapshots')
    const { imageId } = await register('r5', { snapshots: [first, { ...second, root: true }] })
    t.equal((await describe(imageId))?.BlockDeviceMappings[0]?.Ebs.SnapshotId, second.snapshotId)
  })

  t.test('a name that another run has taken is refused', async t => {
    await t.rejects(register('r6', { name: 'web01 r1' }), {
      code: 'AWS_REQUEST_REFUSED',
      message: /InvalidAMIName.Duplicate/,
    })
  })

  t.test('more disks than device names are refused by name', async t => {
    const many = Array.from({ length: 27 }, () => ({ snapshotId: disks[0]?.snapshotId ?? '', sizeBytes: 1 }))
    await t.rejects(register('r7', { snapshots: many }), { code: 'GUEST_UNSUPPORTED' })
    await t.rejects(register('r7', { snapshots: [] }), { code: 'IMAGE_FAILED' })
  })

  t.test('a snapshot on which another image stands is kept', async t => {
    const [first] = snapshots
    if (first === undefined) throw new Error('two snapshots')
    const { imageId } = await register('r8', { snapshots: [first] })
    const other = await register('r9', { snapshots: [first] })
    await lab.awsControl('DELETE', '/requests')
    const snapshotIds = [first.snapshotId]
    t.same(await removeImage({ clients, imageId, snapshotIds }), { keptSnapshotIds: snapshotIds })
    const requests = await lab.awsControl<{ operation: string }[]>('GET', '/requests')
    t.notOk(requests.some(({ operation }) => operation === 'DeleteSnapshot'))
    t.ok(await describe(other.imageId))
    await removeImage({ clients, imageId: other.imageId, snapshotIds: [] })
  })

  t.test('a snapshot that stays in use ends the patience', async t => {
    const { imageId } = await register('r10')
    const inUse = { code: 'InvalidSnapshot.InUse', message: 'in use by ami-1', statusCode: 400, times: -1 }
    const { id } = await lab.awsControl<{ id: number }>('POST', '/faults', {
      ...{ service: 'ec2', operation: 'DeleteSnapshot', kind: 'error', ...inUse },
    })
    const [snapshotId = ''] = snapshots.map(snapshot => snapshot.snapshotId)
    const others = (await awsCli<{ Images: DescribedImage[] }>(lab, 'ec2', 'describe-images', '--owners', 'self'))
      .Images
    for (const { ImageId } of others) {
      if (ImageId !== imageId) await removeImage({ clients, imageId: ImageId, snapshotIds: [] })
    }
    const removal = removeImage({ clients, imageId, snapshotIds: [snapshotId], patienceMs: 100, pollMs: 20 })
    await t.rejects(removal, { code: 'AWS_REQUEST_REFUSED', message: /InvalidSnapshot.InUse/ })
    await lab.awsControl('DELETE', `/faults/${id}`)
    await register('r11')
  })

  t.test('an image is taken away before its snapshots, and what is gone is no error', async t => {
    const images = (await awsCli<{ Images: DescribedImage[] }>(lab, 'ec2', 'describe-images', '--owners', 'self'))
      .Images
    const last = images.at(-1)
    for (const image of images.slice(0, -1)) await removeImage({ clients, imageId: image.ImageId, snapshotIds: [] })
    const snapshotIds = snapshots.map(snapshot => snapshot.snapshotId)
    // Right after an image is gone EC2 may still say that it uses its snapshots.
    const inUse = { code: 'InvalidSnapshot.InUse', message: 'in use by ami-1', statusCode: 400, times: 2 }
    await lab.awsControl('POST', '/faults', { service: 'ec2', operation: 'DeleteSnapshot', kind: 'error', ...inUse })
    const removed = await removeImage({ clients, imageId: last?.ImageId ?? '', snapshotIds, pollMs: 20 })
    t.same(removed, { keptSnapshotIds: [] })
    await removeImage({ clients, imageId: last?.ImageId ?? '', snapshotIds })
    const { Snapshots: left } = await awsCli<{ Snapshots: unknown[] }>(
      lab,
      'ec2',
      'describe-snapshots',
      '--owner-ids',
      'self',
    )
    t.same(left, [])
  })
})
