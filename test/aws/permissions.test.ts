import t, { type Test } from 'tap'
import type { AwsClients } from '../../appliance/aws/clients.ts'
import { type Lease, readLease, writeLease } from '../../appliance/aws/connector-lease.ts'
import { identify } from '../../appliance/aws/credentials.ts'
import { awaitSnapshot, deleteSnapshot } from '../../appliance/aws/ec2-snapshot.ts'
import { registerImage, removeImage } from '../../appliance/aws/image.ts'
import { awaitImageImport, convertImage } from '../../appliance/aws/image-import.ts'
import { imageUse } from '../../appliance/aws/image-use.ts'
import { putLogBundle } from '../../appliance/aws/log-objects.ts'
import { listMarked } from '../../appliance/aws/marked.ts'
import { missingActions } from '../../appliance/aws/missing-actions.ts'
import { createPartBuffers } from '../../appliance/aws/part-buffers.ts'
import {
  cloudFormationTemplate,
  connectorPolicy,
  defaultBucketPrefix,
  type PolicyDocument,
  vmimportRolePolicy,
  vmimportTrustPolicy,
} from '../../appliance/aws/permissions.ts'
import { checkImportRole, ensureBucket } from '../../appliance/aws/registration.ts'
import { openReleaseObject } from '../../appliance/aws/release-objects.ts'
import { deleteObject } from '../../appliance/aws/s3-objects.ts'
import { createPartUpload } from '../../appliance/aws/s3-upload.ts'
import { awaitSnapshotImport, startSnapshotImport, undoSnapshotImport } from '../../appliance/aws/snapshot-import.ts'
import { publishToTopic } from '../../appliance/aws/sns.ts'
import { ownershipTags } from '../../appliance/aws/tags.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import type { Lab } from '../lab/lab.ts'
import { awsCli, awsLab, connect, connectorId } from './aws-lab.ts'
import { importDisk, uploadDisk } from './disk-import.ts'

// Every statement is left out once, and everything done each time.
t.setTimeout(300_000)

const accountId = '111122223333'
const region = 'eu-central-1'
const input = { partition: 'aws', accountId, region, bucketPrefix: defaultBucketPrefix }

t.test('the policy fits a managed policy and names its resources', async t => {
  const policy = connectorPolicy({ ...input, kmsKeyArns: ['arn:aws:kms:eu-central-1:111122223333:key/k'] })
  t.ok(JSON.stringify(policy).length <= 6144, 'the limit of IAM')
  for (const { Sid, Resource, Action } of policy.Statement) {
    const onlyReads = [Action].flat().every(action => action.startsWith('ec2:Describe'))
    t.ok(Resource !== '*' || onlyReads, Sid)
    t.notOk(
      [Action].flat().some(action => /^\w+:\*$/.test(action)),
      Sid,
    )
  }
})

t.test('keys are named only where they are used', async t => {
  const withKey = { ...input, kmsKeyArns: ['arn:k'] }
  const kms = (policy: PolicyDocument) => policy.Statement.filter(statement => statement.Resource?.includes('arn:k'))
  t.equal(kms(connectorPolicy(withKey)).length, 1)
  t.equal(kms(vmimportRolePolicy(withKey)).length, 1)
  t.notMatch(JSON.stringify([connectorPolicy(input), vmimportRolePolicy(input)]), /kms:/)
})

t.test('the template holds the same documents', async t => {
  t.match(cloudFormationTemplate(input), {
    Resources: {
      ImportRole: {
        Properties: {
          RoleName: 'vmimport',
          AssumeRolePolicyDocument: vmimportTrustPolicy(input),
          Policies: [{ PolicyDocument: vmimportRolePolicy(input) }],
        },
      },
      ConnectorPolicy: { Properties: { PolicyDocument: connectorPolicy(input) } },
    },
  })
})

const setConnectorPolicy = (lab: Lab, Statement: PolicyDocument['Statement']) =>
  awsCli(
    lab,
    ...['iam', 'put-user-policy', '--user-name', 'connector', '--policy-name', 'connector'],
    ...['--policy-document', JSON.stringify({ Version: '2012-10-17', Statement })],
  )

let runs = 1

/** IAM itself is asked what is missing: trying instead is for policies that do not allow it. */
async function refuseUnlessSimulated(clients: AwsClients): Promise<void> {
  const identity = await identify(clients)
  const policy = connectorPolicy(input)
  const { checkedBy } = await missingActions({ clients, identity, policy, connectorId, importRoleName: 'vmimport' })
  if (checkedBy === 'simulation') return
  throw new ApplianceError('AWS_PERMISSION_MISSING', 'iam:SimulatePrincipalPolicy', { hint: 'Allow it.' })
}

/** Everything that a connector does in AWS, once. */
async function everything(t: Test, lab: Lab): Promise<void> {
  const { clients } = connect(t, lab)
  const runId = `r${runs++}`
  const run = { connectorId, jobId: 'j1', runId, serverId: 's1', serverName: 'web01' }
  const tags = ownershipTags(run)
  const common = { clients, tags, pollMs: 20 }
  const bucket = await ensureBucket({ clients, connectorId, accountId, region, partition: 'aws' })
  const role = await checkImportRole({ clients, roleName: 'vmimport', accountId })
  if (role === 'unchecked') {
    throw new ApplianceError('AWS_PERMISSION_MISSING', 'iam:GetRole', { hint: 'iam:GetRole' })
  }
  const upload = await createPartUpload({
    ...{ clients, bucket, key: 'runs/r1/aborted.vmdk', accountId, partBytes: 8 << 20 },
    ...{ buffers: createPartBuffers(), tags },
  })
  await upload.write(Buffer.alloc(1000))
  await upload.abort()
  const { snapshotId, sizeBytes } = await importDisk({ clients, bucket, key: 'runs/r1/disk.vmdk', seed: 1, tags })
  const cancelled = new AbortController()
  const { taskId } = await startSnapshotImport({
    ...{ ...common, bucket, key: 'runs/r1/disk.vmdk', description: 'd', roleName: 'vmimport' },
    ...{ clientToken: `cancelled-${runId}`, encrypted: false },
  })
  const waiting = awaitSnapshotImport({
    ...{ ...common, taskId, what: 'web01', signal: cancelled.signal },
    onStatus: () => cancelled.abort(new Error('cancelled')),
  })
  await waiting.catch(error => {
    if (error.message !== 'cancelled') throw error
  })
  await undoSnapshotImport({ clients, taskId, tags })
  await deleteObject({ clients, bucket, key: 'runs/r1/disk.vmdk', accountId })
  await putLogBundle({ clients, bucket, accountId, key: 'logs/bundle.tar.gz', body: Buffer.from('logs') })
  // That there is none is said to whoever may read it only.
  await openReleaseObject({ clients, bucket, accountId, key: 'releases/hoist-1.0.0.tar' }).catch(thrown => {
    if (thrown.code !== 'NOT_FOUND') throw thrown
  })
  await refuseUnlessSimulated(clients)
  const lease: Lease = {
    version: 1,
    ...{ connectorId, machineId: 'm1', epoch: 1, mark: 1, nonce: 'n1' },
    renewedAt: '2026-01-01',
  }
  const place = { clients, bucket, accountId }
  const etag = await writeLease({ ...place, lease })
  await writeLease({ ...place, lease, etag: (await readLease(place))?.etag ?? etag })
  await listMarked({ clients, connectorId, bucket, accountId })
  const snapshots = [{ snapshotId, sizeBytes }]
  const { imageId } = await registerImage({
    ...common,
    name: `web01 ${runId}`,
    description: 'd',
    firmware: 'bios',
    vTpm: false,
    snapshots,
  })
  const conversion = await convertImage({
    ...{
      ...common,
      what: 'web01',
      description: 'd',
      guestId: 'debian12_64Guest',
      firmware: 'bios' as const,
      licence: 'auto' as const,
    },
    ...{ encrypted: false, roleName: 'vmimport', clientToken: `converted-${runId}`, snapshots },
  })
  const converted = await awaitImageImport({ ...common, taskId: conversion.taskId, what: 'web01' })
  await imageUse({ clients, connectorId: 'c0ffee00', images: [{ imageId, snapshotIds: [snapshotId] }] })
  await removeImage({ clients, ...converted })
  await removeImage({ clients, imageId, snapshotIds: [] })
  await deleteSnapshot({ clients, snapshotId })
  const { TopicArn: topicArn } = await awsCli<{ TopicArn: string }>(lab, 'sns', 'create-topic', '--name', 'hoist-runs')
  const words = { subject: 's', text: 't', document: {}, attributes: {}, id: runId }
  await publishToTopic({ clients, topicArn, ...words })
}

t.test('the documented policy is enough for everything, and each of its statements is needed', async t => {
  const lab = await awsLab(t)
  await lab.awsControl('POST', '/tasks', { stepMs: 100 })
  const policy = connectorPolicy(input)
  await t.resolves(everything(t, lab), 'all of it')
  for (const statement of policy.Statement) {
    await setConnectorPolicy(
      lab,
      policy.Statement.filter(other => other !== statement),
    )
    await t.rejects(everything(t, lab), { code: 'AWS_PERMISSION_MISSING' }, `without ${statement.Sid}`)
  }
})

t.test(
  'a customer managed key works with the documented policies, and an import role that may not use it is named',
  async t => {
    const lab = await awsLab(t)
    const { KeyMetadata: key } = await awsCli<{ KeyMetadata: { Arn: string; KeyId: string } }>(lab, 'kms', 'create-key')
    const withKey = { ...input, kmsKeyArns: [key.Arn] }
    const { clients } = connect(t, lab)
    const bucket = await ensureBucket({ clients, connectorId, accountId, region, partition: 'aws' })
    const tags = ownershipTags({ connectorId, jobId: 'j1', runId: 'r1', serverId: 's1', serverName: 'web01' })
    await uploadDisk(clients, bucket, 'runs/r1/disk.vmdk', 1)
    let token = 0
    const encrypt = async () => {
      const { taskId } = await startSnapshotImport({
        ...{ clients, bucket, key: 'runs/r1/disk.vmdk', description: 'd', roleName: 'vmimport', tags },
        ...{ clientToken: `key-${token++}`, encrypted: true, kmsKeyId: key.KeyId },
      })
      return awaitSnapshotImport({ clients, taskId, what: 'web01', tags, pollMs: 20 })
    }
    await setConnectorPolicy(lab, connectorPolicy(withKey).Statement)
    await t.rejects(encrypt(), { code: 'IMPORT_REFUSED', hint: /key/ }, 'the import role may not use it')
    await lab.awsControl('POST', '/roles/vmimport', { policy: vmimportRolePolicy(withKey) })
    const { snapshotId } = await encrypt()
    t.match(await awaitSnapshot({ clients, snapshotId, pollMs: 20 }), { encrypted: true, kmsKeyId: key.Arn })
  },
)
