import t from 'tap'
import { awaitSnapshot, deleteSnapshot, tagResources } from '../../appliance/aws/ec2-snapshot.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { awsCli, awsLab, connect, makeBucket } from './aws-lab.ts'
import { importDisk } from './disk-import.ts'

const tags = ownershipTags({ connectorId: 'c0ffee00', jobId: 'j1', runId: 'r1', serverId: 's1', serverName: 'web01' })

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const { snapshotId } = await importDisk({ clients, bucket, key: 'runs/r1/disk.vmdk', seed: 3, tags })

  t.test('a completed snapshot tells its size and encryption', async t => {
    t.match(await awaitSnapshot({ clients, snapshotId, pollMs: 20 }), { volumeSizeGiB: 1, encrypted: false })
  })

  t.test('tags can be added, but nothing can be tagged that does not become ours', async t => {
    await tagResources({ clients, ids: [snapshotId], tags: { ...tags, Extra: 'yes' } })
    const { Tags: found } = await awsCli<{ Tags: { Key: string; Value: string }[] }>(
      lab,
      ...['ec2', 'describe-tags', '--filters', `Name=resource-id,Values=${snapshotId}`],
    )
    t.equal(found.find(tag => tag.Key === 'Extra')?.Value, 'yes')
    await t.rejects(tagResources({ clients, ids: [snapshotId], tags: { Extra: 'no' } }), {
      code: 'AWS_PERMISSION_MISSING',
    })
  })

  t.test('a snapshot without our tag cannot be deleted', async t => {
    await awsCli(lab, 'ec2', 'delete-tags', '--resources', snapshotId, '--tags', 'Key=hoist:connector')
    await t.rejects(deleteSnapshot({ clients, snapshotId }), {
      code: 'AWS_PERMISSION_MISSING',
      message: /ec2:DeleteSnapshot/,
    })
    await tagResources({ clients, ids: [snapshotId], tags })
  })

  t.test('a deleted snapshot is gone, and deleting it again is no error', async t => {
    await deleteSnapshot({ clients, snapshotId })
    const { Snapshots: left } = await awsCli<{ Snapshots: unknown[] }>(
      lab,
      'ec2',
      'describe-snapshots',
      '--owner-ids',
      'self',
    )
    t.same(left, [])
    await deleteSnapshot({ clients, snapshotId })
  })
})
