// EC2's snapshots: describe, copy, delete; and the account's settings that bear on them.
import type {
  CopySnapshotRequest,
  DeleteSnapshotRequest,
  DescribeRegionsRequest,
  DescribeSnapshotsRequest,
} from '@aws-sdk/client-ec2'
import { authorize, type Call, endDryRun } from './authorize.ts'
import { AwsError, invalidParameter } from './aws-error.ts'
import { applyFilters, page } from './ec2-filters.ts'
import { authorizeCreation, requestedTags, resourceContext } from './ec2-tags.ts'
import { resolveKey } from './kms.ts'
import { SnapshotContent } from './snapshot-content.ts'
import type { Snapshot } from './snapshot-store.ts'

function describe(snapshot: Snapshot, accountId: string) {
  return {
    SnapshotId: snapshot.id,
    VolumeId: snapshot.volumeId,
    VolumeSize: snapshot.volumeSizeGiB,
    State: snapshot.state,
    StateMessage: snapshot.state === 'error' ? 'The snapshot was not completed in time.' : undefined,
    Progress: snapshot.state === 'completed' ? '100%' : '0%',
    StartTime: snapshot.startTime,
    CompletionTime: snapshot.completionTime,
    Description: snapshot.description,
    Encrypted: snapshot.encrypted,
    KmsKeyId: snapshot.kmsKeyArn,
    OwnerId: accountId,
    StorageTier: 'standard',
    Tags: snapshot.tags,
  }
}

function describeSnapshots(input: DescribeSnapshotsRequest, call: Call) {
  authorize(call, 'ec2:DescribeSnapshots')
  endDryRun(input)
  const { lab } = call
  if (input.SnapshotIds?.length && input.MaxResults !== undefined) {
    throw new AwsError(
      'InvalidParameterCombination',
      'The parameter snapshotSet cannot be used with the parameter maxResults',
    )
  }
  const asked = input.SnapshotIds?.length ? input.SnapshotIds.map(id => lab.snapshots.get(id)) : lab.snapshots.all()
  const owned = (input.OwnerIds ?? ['self']).some(owner => owner === 'self' || owner === lab.accountId) ? asked : []
  const found = applyFilters(owned, input.Filters, {
    'snapshot-id': one => one.id,
    'volume-id': one => one.volumeId,
    'volume-size': one => String(one.volumeSizeGiB),
    status: one => one.state,
    description: one => one.description,
    encrypted: one => String(one.encrypted),
    'owner-id': () => lab.accountId,
    progress: one => (one.state === 'completed' ? '100%' : '0%'),
    'start-time': one => one.startTime.toISOString(),
    'storage-tier': () => 'standard',
  })
  const { items, nextToken } = page(found, input)
  return { Snapshots: items.map(one => describe(one, lab.accountId)), NextToken: nextToken }
}

async function deleteSnapshot(input: DeleteSnapshotRequest, call: Call) {
  const { lab } = call
  const snapshot = lab.snapshots.get(input.SnapshotId ?? '')
  authorize(call, 'ec2:DeleteSnapshot', snapshot.arn, resourceContext(snapshot.tags))
  endDryRun(input)
  const image = lab.images.using(snapshot.id)
  if (image !== undefined) {
    throw new AwsError('InvalidSnapshot.InUse', `The snapshot ${snapshot.id} is currently in use by ${image.id}`)
  }
  await lab.snapshots.remove(snapshot)
  return {}
}

async function copySnapshot(input: CopySnapshotRequest, call: Call) {
  const { lab } = call
  const tags = requestedTags(input.TagSpecifications, 'snapshot')
  const target = lab.snapshots.arn('*')
  const sourceId = input.SourceSnapshotId ?? ''
  authorizeCreation(call, [target, lab.snapshots.arn(sourceId)], target, tags)
  endDryRun(input)
  if (input.SourceRegion !== lab.region)
    throw invalidParameter(`The lab has one Region, ${lab.region}, not ${input.SourceRegion}`)
  const source = lab.snapshots.get(sourceId)
  if (source.state !== 'completed') {
    throw new AwsError('IncorrectState', `Snapshot is in invalid state - ${source.state}`)
  }
  if (input.Encrypted === false) throw invalidParameter('The Encrypted parameter cannot be set to false')
  if (input.KmsKeyId !== undefined && input.Encrypted !== true) {
    throw new AwsError(
      'InvalidParameterDependency',
      'The parameter KmsKeyId requires the parameter Encrypted to be set.',
    )
  }
  const encrypted = input.Encrypted === true || source.encrypted || lab.settings.encryptionByDefault
  const copy = await lab.snapshots.add({
    volumeSizeGiB: source.volumeSizeGiB,
    content: path => SnapshotContent.create(path, source.volumeSizeGiB, source.content),
    description: input.Description,
    encrypted,
    kmsKeyArn: encrypted ? resolveKey(call, input.KmsKeyId) : undefined,
    tags,
    state: 'pending',
  })
  copy.completesAtMs = Date.now() + lab.timing.completeMs
  return { SnapshotId: copy.id, Tags: tags }
}

function encryptionByDefault(input: { DryRun?: boolean }, call: Call) {
  authorize(call, `ec2:${call.operation}`)
  endDryRun(input)
  const { settings } = call.lab
  if (call.operation !== 'GetEbsEncryptionByDefault')
    settings.encryptionByDefault = call.operation === 'EnableEbsEncryptionByDefault'
  return { EbsEncryptionByDefault: settings.encryptionByDefault }
}

function getDefaultKey(input: { DryRun?: boolean }, call: Call) {
  authorize(call, 'ec2:GetEbsDefaultKmsKeyId')
  endDryRun(input)
  return { KmsKeyId: call.lab.settings.defaultKmsKeyArn }
}

function describeRegions(input: DescribeRegionsRequest, call: Call) {
  authorize(call, 'ec2:DescribeRegions')
  endDryRun(input)
  const { region } = call.lab
  for (const name of input.RegionNames ?? []) {
    if (name !== region) throw invalidParameter(`Invalid region names: [${name}]`)
  }
  return {
    Regions: [{ RegionName: region, Endpoint: `ec2.${region}.amazonaws.com`, OptInStatus: 'opt-in-not-required' }],
  }
}

export const snapshotOperations = {
  DescribeSnapshots: describeSnapshots,
  DeleteSnapshot: deleteSnapshot,
  CopySnapshot: copySnapshot,
  GetEbsEncryptionByDefault: encryptionByDefault,
  EnableEbsEncryptionByDefault: encryptionByDefault,
  DisableEbsEncryptionByDefault: encryptionByDefault,
  GetEbsDefaultKmsKeyId: getDefaultKey,
  DescribeRegions: describeRegions,
}
