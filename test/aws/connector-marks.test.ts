// Which connectors have things in the account: counted by their mark, over every page, under the documented policy.
import t from 'tap'
import { listConnectorMarks } from '../../appliance/aws/connector-marks.ts'
import { registerImage } from '../../appliance/aws/image.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { awsCli, awsLab, connect, connectorId, makeBucket } from './aws-lab.ts'
import { importDisk } from './disk-import.ts'

const tagsOf = (connector: string) =>
  ownershipTags({ connectorId: connector, jobId: 'j', runId: 'r', serverId: 's', serverName: 'web01' })

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)

  t.test('an account without anything has no connectors', async t => {
    t.same(await listConnectorMarks({ clients }), [])
  })

  t.test('images and snapshots are counted by connector, page by page; what bears no mark is nobody’s', async t => {
    const bucket = await makeBucket(lab, clients)
    const made = async (connector: string, number: number) => {
      const tags = tagsOf(connector)
      const disk = await importDisk({ clients, bucket, key: `runs/r${number}/disk.vmdk`, seed: number, tags })
      return { ...disk, tags }
    }
    const before = new Date(Date.now() - 1_000)
    const first = await made(connectorId, 1)
    await registerImage({
      ...{ clients, name: 'web01', description: 'd', firmware: 'bios', vTpm: false, pollMs: 20 },
      ...{ snapshots: [first], tags: first.tags },
    })
    await made(connectorId, 2)
    await made('another', 3)
    const unmarked = await made('third', 4)
    await awsCli(lab, 'ec2', 'delete-tags', '--resources', unmarked.snapshotId, '--tags', 'Key=hoist:connector')
    const emptied = await made('fourth', 5)
    await awsCli(lab, 'ec2', 'create-tags', '--resources', emptied.snapshotId, '--tags', 'Key=hoist:connector,Value=')
    for (const pageSize of [undefined, 5]) {
      const marks = await listConnectorMarks({ clients, ...(pageSize ? { pageSize } : {}) })
      t.match(
        marks.sort((a, b) => a.connectorId.localeCompare(b.connectorId)),
        [
          { connectorId: 'another', images: 0, snapshots: 1, newestAt: Date },
          { connectorId, images: 1, snapshots: 2, newestAt: Date },
        ],
      )
      t.equal(marks.length, 2)
      t.ok(marks.every(({ newestAt }) => newestAt && newestAt >= before))
    }
  })

  t.test('a refusal is said with the permission that lacks', async t => {
    await lab.awsControl('POST', '/faults', {
      ...{ service: 'ec2', operation: 'DescribeSnapshots', kind: 'error', code: 'UnauthorizedOperation' },
      ...{ message: 'You are not authorized', statusCode: 403 },
    })
    await t.rejects(listConnectorMarks({ clients }), { message: /ec2:DescribeSnapshots/ })
  })
})
