// The server as a process, and the SDK's clients on it: under exactly the policy and role that the appliance documents.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CompleteSnapshotCommand,
  EBSClient,
  GetSnapshotBlockCommand,
  ListSnapshotBlocksCommand,
  PutSnapshotBlockCommand,
  StartSnapshotCommand,
} from '@aws-sdk/client-ebs'
import {
  CreateTagsCommand,
  DeleteSnapshotCommand,
  DeregisterImageCommand,
  DescribeImagesCommand,
  DescribeImportSnapshotTasksCommand,
  EC2Client,
  ImportImageCommand,
  ImportSnapshotCommand,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2'
import { GetRoleCommand, IAMClient } from '@aws-sdk/client-iam'
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms'
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import t from 'tap'
import { connectorPolicy, vmimportRolePolicy, vmimportTrustPolicy } from '../../../appliance/aws/permissions.ts'
import { accountId, bucket, guestDisk, keys, makeVmdk, region, startTestBed } from './test-bed.ts'

const bed = await startTestBed({
  connector: {
    ...keys.connector,
    policy: connectorPolicy({ partition: 'aws', accountId, region, bucketPrefix: 'hoist' }),
  },
  vmimport: {
    trust: vmimportTrustPolicy({ accountId }),
    policy: vmimportRolePolicy({ partition: 'aws', accountId, bucketPrefix: 'hoist' }),
  },
})
t.teardown(() => bed[Symbol.asyncDispose]())
await bed.putObject('disk.vmdk', await readFile(await makeVmdk(bed.directory, 'disk', guestDisk('Windows'))))

const settings = (credentials: { accessKeyId: string; secretAccessKey: string }) => ({
  endpoint: bed.endpoint,
  region,
  credentials,
  maxAttempts: 1,
})

async function imported(ec2: EC2Client, taskId: string | undefined): Promise<string> {
  for (;;) {
    const { ImportSnapshotTasks } = await ec2.send(
      new DescribeImportSnapshotTasksCommand({ ImportTaskIds: [taskId ?? ''] }),
    )
    const detail = ImportSnapshotTasks?.[0]?.SnapshotTaskDetail
    if (detail?.Status === 'completed') return detail.SnapshotId ?? ''
    if (detail?.Status === 'deleted') throw new Error(detail.StatusMessage)
    await sleep(20)
  }
}

t.test('the main job runs under the documented policy, and nothing that the policy leaves out does', async t => {
  const ec2 = new EC2Client(settings(keys.connector))
  t.teardown(() => ec2.destroy())
  const own = [{ Key: 'hoist:connector', Value: 'c1' }]
  const tags = (ResourceType: 'import-snapshot-task' | 'import-image-task' | 'image') => [{ ResourceType, Tags: own }]
  const DiskContainer = { Format: 'VMDK', UserBucket: { S3Bucket: bucket, S3Key: 'disk.vmdk' } }
  const task = await ec2.send(
    new ImportSnapshotCommand({ DiskContainer, ClientToken: 'a', TagSpecifications: tags('import-snapshot-task') }),
  )
  const snapshotId = await imported(ec2, task.ImportTaskId)
  await t.rejects(
    ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshotId })),
    { name: 'UnauthorizedOperation' },
    'not ours yet',
  )
  await t.rejects(ec2.send(new CreateTagsCommand({ Resources: [snapshotId], Tags: [{ Key: 'other', Value: '' }] })), {
    name: 'UnauthorizedOperation',
    $metadata: { httpStatusCode: 403 },
  })
  await ec2.send(new CreateTagsCommand({ Resources: [snapshotId], Tags: own }))
  const image = await ec2.send(
    new RegisterImageCommand({
      Name: 'web01',
      Architecture: 'x86_64',
      VirtualizationType: 'hvm',
      RootDeviceName: '/dev/sda1',
      TagSpecifications: tags('image'),
      BlockDeviceMappings: [{ DeviceName: '/dev/sda1', Ebs: { SnapshotId: snapshotId } }],
    }),
  )
  await ec2.send(
    new ImportImageCommand({
      Platform: 'Windows',
      DiskContainers: [{ SnapshotId: snapshotId }],
      TagSpecifications: tags('import-image-task'),
    }),
  )
  const { Images } = await ec2.send(new DescribeImagesCommand({ ImageIds: [image.ImageId ?? ''] }))
  t.match(Images, [{ Name: 'web01', Tags: own, CreationDate: /^\d{4}-/ }])
  await t.rejects(ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshotId })), { name: 'InvalidSnapshot.InUse' })
  await ec2.send(new DeregisterImageCommand({ ImageId: image.ImageId }))
  await ec2.send(new DeleteSnapshotCommand({ SnapshotId: snapshotId }))
  const ebs = new EBSClient(settings(keys.connector))
  t.teardown(() => ebs.destroy())
  await t.rejects(ebs.send(new StartSnapshotCommand({ VolumeSize: 1 })), { name: 'AccessDeniedException' })
})

t.test('the SDK writes and reads blocks, and reads STS, IAM and KMS', async t => {
  const ebs = new EBSClient(settings(keys.admin))
  t.teardown(() => ebs.destroy())
  const { SnapshotId } = await ebs.send(new StartSnapshotCommand({ VolumeSize: 1, Tags: [{ Key: 'a', Value: 'b' }] }))
  const BlockData = Buffer.alloc(524_288, 7)
  const Checksum = createHash('sha256').update(BlockData).digest('base64')
  await ebs.send(
    new PutSnapshotBlockCommand({
      SnapshotId,
      BlockIndex: 5,
      BlockData,
      DataLength: BlockData.length,
      Checksum,
      ChecksumAlgorithm: 'SHA256',
    }),
  )
  await ebs.send(new CompleteSnapshotCommand({ SnapshotId, ChangedBlocksCount: 1 }))
  await sleep(100)
  const list = await ebs.send(new ListSnapshotBlocksCommand({ SnapshotId }))
  t.match(list.Blocks, [{ BlockIndex: 5 }])
  t.ok(list.ExpiryTime instanceof Date)
  const block = await ebs.send(
    new GetSnapshotBlockCommand({ SnapshotId, BlockIndex: 5, BlockToken: list.Blocks?.[0]?.BlockToken }),
  )
  t.equal(block.Checksum, Checksum)
  t.ok(BlockData.equals((await block.BlockData?.transformToByteArray()) ?? Buffer.alloc(0)))

  const sts = new STSClient(settings(keys.admin))
  const iam = new IAMClient(settings(keys.admin))
  const kms = new KMSClient(settings(keys.admin))
  t.teardown(() => [sts, iam, kms].map(client => client.destroy()))
  t.match(await sts.send(new GetCallerIdentityCommand()), { Account: accountId })
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: 'vmimport' }))
  t.match(JSON.parse(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? '')), vmimportTrustPolicy({ accountId }))
  t.match(await kms.send(new DescribeKeyCommand({ KeyId: 'alias/aws/ebs' })), { KeyMetadata: { KeyManager: 'AWS' } })
})

t.test('the process ends with its stdin, and says what its config lacks', async t => {
  const start = (config: object) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'server.ts')], { stdio: 'pipe' })
    child.stdin.write(`${JSON.stringify(config)}\n`)
    return child
  }
  const good = start({
    accountId,
    region,
    stateDir: join(bed.directory, 'second'),
    internalSecret: 'i',
    ...keys,
    s3: { endpoint: 'http://127.0.0.1:1', accessKeyId: 'r', secretAccessKey: 'r' },
  })
  const [line] = (await once(good.stdout, 'data')) as [Buffer]
  t.match(JSON.parse(line.toString()), { url: /^http:\/\/127\.0\.0\.1:\d+$/ })
  good.stdin.end()
  t.strictSame(await once(good, 'exit'), [0, null])
  const bad = start({ accountId })
  const [, [code]] = await Promise.all([once(bad.stderr, 'data'), once(bad, 'exit')])
  t.not(code, 0)
})
