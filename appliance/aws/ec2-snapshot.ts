// EBS snapshots as EC2 shows them: waiting for completion, tagging, deleting.
import { CreateTagsCommand, DeleteSnapshotCommand, DescribeSnapshotsCommand } from '@aws-sdk/client-ec2'
import { ApplianceError } from '../errors.ts'
import { awsCode } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { defaultPollMs, unknownForMs } from './import-task.ts'
import { pollPause } from './retry.ts'
import { toTagList } from './tags.ts'

/** Puts tags on EC2 resources, which VM Import leaves bare: without `hoist:connector` they could never be deleted. */
export async function tagResources(input: {
  clients: AwsClients
  ids: string[]
  tags: Record<string, string>
  signal?: AbortSignal | undefined
}): Promise<void> {
  const { clients, ids, tags, signal } = input
  const startedAt = Date.now()
  for (;;) {
    try {
      const command = new CreateTagsCommand({ Resources: ids, Tags: toTagList(tags) })
      await clients.call('ec2:CreateTags', sdk => clients.ec2.send(command, sdk), { signal })
      return
    } catch (thrown) {
      if (!/NotFound$/.test(awsCode(thrown)) || Date.now() - startedAt > unknownForMs) throw thrown
      await pollPause(1_000, signal)
    }
  }
}

/** @throws ApplianceError EBS_SNAPSHOT_FAILED when it ends in `error` or is gone. */
export async function awaitSnapshot(input: {
  clients: AwsClients
  snapshotId: string
  pollMs?: number | undefined
  signal?: AbortSignal | undefined
}): Promise<{ volumeSizeGiB: number; encrypted: boolean; kmsKeyId: string | undefined }> {
  const { clients, snapshotId, pollMs = defaultPollMs, signal } = input
  const startedAt = Date.now()
  for (;;) {
    const command = new DescribeSnapshotsCommand({ SnapshotIds: [snapshotId] })
    try {
      const { Snapshots: found } = await clients.call('ec2:DescribeSnapshots', sdk => clients.ec2.send(command, sdk), {
        signal,
      })
      const snapshot = found?.[0]
      if (snapshot?.State === 'completed') {
        return {
          volumeSizeGiB: snapshot.VolumeSize ?? 0,
          encrypted: snapshot.Encrypted ?? false,
          kmsKeyId: snapshot.KmsKeyId,
        }
      }
      if (snapshot?.State === 'error') throw snapshotFailed(snapshotId, snapshot.StateMessage ?? 'no reason was given')
    } catch (thrown) {
      if (awsCode(thrown) !== 'InvalidSnapshot.NotFound' || Date.now() - startedAt > unknownForMs) throw thrown
    }
    await pollPause(pollMs, signal)
  }
}

/** EC2 learns with some delay that the image which stood on a snapshot is gone. */
const inUsePollMs = 3_000

/**
 * Deletes a snapshot; one that is gone is no error.
 * @param input.patienceMs how long it is tried again while EC2 says that an image uses it; 0 unless given.
 */
export async function deleteSnapshot(input: {
  clients: AwsClients
  snapshotId: string
  patienceMs?: number | undefined
  pollMs?: number | undefined
  signal?: AbortSignal | undefined
}): Promise<void> {
  const { clients, snapshotId, patienceMs = 0, pollMs = inUsePollMs, signal } = input
  const command = new DeleteSnapshotCommand({ SnapshotId: snapshotId })
  const startedAt = performance.now()
  for (;;) {
    try {
      await clients.call('ec2:DeleteSnapshot', sdk => clients.ec2.send(command, sdk), { signal })
      return
    } catch (thrown) {
      const code = awsCode(thrown)
      if (code === 'InvalidSnapshot.NotFound') return
      if (code !== 'InvalidSnapshot.InUse' || performance.now() - startedAt >= patienceMs) throw thrown
    }
    await pollPause(pollMs, signal)
  }
}

function snapshotFailed(snapshotId: string, text: string): ApplianceError {
  return new ApplianceError('EBS_SNAPSHOT_FAILED', `The snapshot ${snapshotId} ended in error: ${text}`, {
    hint: 'Run again; with encryption, check that the KMS key is enabled.',
  })
}
