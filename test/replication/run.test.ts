// THE story of a run, against the lab: from servers in vCenter to AMIs, every byte hashed by others.

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DescribeImagesCommand, DescribeSnapshotsCommand, EC2Client } from '@aws-sdk/client-ec2'
import t from 'tap'
import { Manifest } from '../../appliance/disk/manifest.ts'
import { findLeftovers, proveRun } from '../demo/verify.ts'
import { startSite } from '../site.ts'
import { quickAws } from './endings.ts'

const mib = 1024 * 1024
const site = await startSite({
  aws: quickAws,
  vms: [
    {
      name: 'web01',
      guestId: 'debian12_64Guest',
      firmware: 'efi',
      disks: [
        { label: 'Hard disk 1', sizeBytes: 40 * mib, kind: 'data', fill: 0.5, seed: 11 },
        { label: 'Hard disk 2', sizeBytes: 20 * mib + 7 * 512, kind: 'noise', fill: 0.7, seed: 12 },
        { label: 'Hard disk 3', sizeBytes: 300 * mib, kind: 'ends', seed: 13 },
      ],
    },
    { name: 'idle01', powerState: 'poweredOff', disks: [{ sizeBytes: 10 * mib, kind: 'zero', seed: 1 }] },
  ],
})
t.teardown(() => site.stop())
await site.setUp()
const ec2 = new EC2Client({
  endpoint: site.lab.aws.endpoint,
  region: site.lab.aws.region,
  credentials: site.lab.aws.admin,
})
t.teardown(() => ec2.destroy())

t.test('every disk of a server stands in EBS as it was frozen, whatever is in it', async t => {
  const run = await site.replicate('web01', { tags: { department: 'sales' } })
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  const proof = await proveRun(site.lab, run, 'registered')
  t.equal(proof.disks.length, 3)
  for (const disk of proof.disks) t.ok(disk.equal, `${disk.disk} ${disk.sourceSha256} ${disk.snapshotSha256}`)
  t.same(await findLeftovers(site.lab), [])

  await t.test('the image boots as the server did, and everything is tagged with whose it is', async t => {
    const { Images: images } = await ec2.send(new DescribeImagesCommand({ ImageIds: [run.imageId ?? ''] }))
    t.match(images, [
      {
        Architecture: 'x86_64',
        VirtualizationType: 'hvm',
        BootMode: 'uefi',
        EnaSupport: true,
        ImdsSupport: 'v2.0',
        State: 'available',
      },
    ])
    const order = images?.[0]?.BlockDeviceMappings?.map(mapping => mapping.Ebs?.SnapshotId)
    t.same(
      order,
      run.disks.map(disk => disk.snapshotId),
    )
    const { Snapshots: snapshots } = await ec2.send(new DescribeSnapshotsCommand({ SnapshotIds: order as string[] }))
    for (const thing of [...(images ?? []), ...(snapshots ?? [])]) {
      const tags = Object.fromEntries((thing.Tags ?? []).map(({ Key, Value }) => [Key, Value]))
      t.match(tags, { 'hoist:job': run.jobId, 'hoist:run': run.id, 'hoist:server': run.serverId, department: 'sales' })
      t.ok(tags['hoist:connector'])
    }
  })

  await t.test('the manifest holds the hash of every block of the source', async t => {
    for (const disk of run.disks) {
      const { file } = await site.lab.vcenterControl<{ file: string }>('GET', `/vms/web01/disks/${disk.key}/frozen`)
      const expected: string[] = []
      await pipeline(createReadStream(file, { highWaterMark: 512 * 1024 }), async chunks => {
        let pending = Buffer.alloc(0)
        for await (const chunk of chunks) {
          pending = Buffer.concat([pending, chunk])
          for (; pending.length >= 512 * 1024; pending = pending.subarray(512 * 1024)) {
            expected.push(
              createHash('sha256')
                .update(pending.subarray(0, 512 * 1024))
                .digest('hex'),
            )
          }
        }
        if (pending.length > 0) expected.push(createHash('sha256').update(pending).digest('hex'))
      })
      await using manifest = await Manifest.open(join(site.dataDir, 'manifests', disk.manifestPath ?? ''))
      const found: string[] = []
      for await (const page of manifest.digestPages()) {
        for (let offset = 0; offset < page.length; offset += 32) found.push(page.toString('hex', offset, offset + 32))
      }
      t.same(found, expected, disk.label)
    }
  })

  await t.test('nothing of a disk was written to local storage', async t => {
    const entries = await readdir(site.dataDir, { recursive: true, withFileTypes: true })
    const files = entries.filter(entry => entry.isFile()).map(entry => entry.name)
    for (const name of files) {
      t.match(
        name,
        /^(hoist\.db(-wal|-shm)?|hoist-\w+\.db|secrets\.key|web\.(key|crt)|(api|metrics)-token|disk-\d+\.manifest)$/,
      )
    }
  })
})

t.test('a server that is switched off and holds nothing but zeros is replicated too', async t => {
  const run = await site.replicate('idle01')
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
  const proof = await proveRun(site.lab, run, 'registered')
  t.ok(proof.disks[0]?.equal)
})
