// Creating the image by VM Import: on copies, never on the replica.
import { DescribeImagesCommand, DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2'
import t from 'tap'
import { proveRun } from '../demo/verify.ts'
import { windowsGuest } from '../lab/guests/windows.ts'
import { startSite } from '../site.ts'
import { quickAws } from './endings.ts'

const windows = await windowsGuest()
const vm = (name: string) => ({
  name,
  guestId: 'windows2019srvNext_64Guest',
  firmware: 'efi' as const,
  disks: [{ file: windows.system }, { file: windows.data }],
})
const site = await startSite({ aws: quickAws, vms: [vm('files01'), vm('files02'), vm('files03')] })
t.teardown(() => site.stop())
await site.setUp()
const ec2 = new EC2Client({
  endpoint: site.lab.aws.endpoint,
  region: site.lab.aws.region,
  credentials: site.lab.aws.admin,
})
t.teardown(() => ec2.destroy())
const images = async () => (await ec2.send(new DescribeImagesCommand({ Owners: ['self'] }))).Images ?? []
const snapshots = async () => (await ec2.send(new DescribeSnapshotsCommand({ OwnerIds: ['self'] }))).Snapshots ?? []

t.test('a conversion that AWS refuses fails the run at its stage and leaves nothing', async t => {
  const begun = await site.begin('files01', { imageMethod: 'converted' })
  await site.until(begun.id, run => run.disks.length > 0 && run.disks.every(disk => disk.snapshotId !== undefined))
  await site.lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: No valid partitions' } })
  const run = await site.until(begun.id, ({ endedAt }) => endedAt !== undefined)
  t.match(run, {
    state: 'failed',
    failure: { code: 'IMPORT_REFUSED', stage: 'creatingImage', message: /No valid partitions/ },
  })
  t.same(await images(), [])
  t.same(await snapshots(), [])
})

t.test('a licence that the guest cannot have is refused by name', async t => {
  const run = await site.replicate('files02', { imageMethod: 'converted', licence: 'byol' })
  t.equal(run.state, 'succeeded', 'Windows may bring its own licence')
})

t.test('the image stands on copies, and the replica stays what vCenter held', async t => {
  const run = await site.replicate('files03', { imageMethod: 'converted' })
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  const proof = await proveRun(site.lab, run, 'converted')
  for (const disk of proof.disks) t.ok(disk.equal, disk.disk)
  const image = (await images()).find(({ ImageId }) => ImageId === run.imageId)
  const stands = image?.BlockDeviceMappings?.map(mapping => mapping.Ebs?.SnapshotId)
  t.equal(stands?.length, 2)
  t.same(run.imageSnapshotIds.toSorted(), stands?.toSorted())
  for (const { snapshotId } of run.disks) t.notOk(stands?.includes(snapshotId), 'not the replica')
  t.ok(image?.Tags?.some(({ Key, Value }) => Key === 'hoist:run' && Value === run.id))
})
