// What the lab's AWS side is started with, and the state that its services share.
import { randomBytes } from 'node:crypto'
import type { ImageStore } from './ec2-images.ts'
import type { InstanceStore } from './ec2-instances.ts'
import type { IamStore, PolicyDocument } from './iam-store.ts'
import type { ImportStore } from './import-task.ts'
import type { KmsStore } from './kms.ts'
import type { SnapshotStore } from './snapshot-store.ts'

export type AccessKeyConfig = { accessKeyId: string; secretAccessKey: string }

export type Quotas = {
  /** ImportSnapshot tasks that may be active at once. */
  importSnapshotTasks: number
  importImageTasks: number
  /** EBS direct: snapshots that may be pending at once. */
  pendingSnapshots: number
  putSnapshotBlockPerSecond: number
  startCompletePerSecond: number
}

export type Timing = {
  /** How long each stage of an import lasts at least. */
  stepMs: number
  /** For how long a fresh EBS direct snapshot "does not exist". */
  settleMs: number
  /** From CompleteSnapshot or CopySnapshot to `completed`. */
  completeMs: number
  /** Life of a page token of ListSnapshotBlocks (AWS: 60 min). */
  pageTokenMs: number
  /** Life of a block token (AWS: 7 days). */
  blockTokenMs: number
}

export type LabAwsConfig = {
  accountId: string
  region: string
  /** Where snapshot files live; made if missing. */
  stateDir: string
  /** The secret that the front sends in X-Lab-Internal. */
  internalSecret: string
  admin: AccessKeyConfig
  connector: AccessKeyConfig & { policy?: PolicyDocument }
  /** The role `vmimport` that stands from the beginning; without it the role does not exist. */
  vmimport?: { trust?: PolicyDocument; policy?: PolicyDocument }
  /** The S3 server behind the front, with its root keys: VM Import reads objects there. */
  s3: AccessKeyConfig & { endpoint: string; region?: string }
  /** moto's address, for SNS and SQS; without it the lab has neither. */
  moto?: string
  encryptionByDefault?: boolean
  quotas?: Partial<Quotas>
  timing?: Partial<Timing>
  /** `qemu-img`'s path. */
  qemuImg?: string
}

export type Lab = {
  config: LabAwsConfig
  accountId: string
  region: string
  quotas: Quotas
  timing: Timing
  qemuImg: string
  iam: IamStore
  kms: KmsStore
  snapshots: SnapshotStore
  images: ImageStore
  instances: InstanceStore
  imports: ImportStore
  clock: { skewMs: number }
  /** EBS direct's token buckets by operation, and what its client tokens stand for. */
  directWrites: {
    rates: Map<string, { tokens: number; atMs: number }>
    tokens: Map<string, { parameters: string; snapshotId: string }>
  }
  /** Buckets of other accounts, as far as somebody told. */
  bucketOwners: Map<string, string>
  settings: { encryptionByDefault: boolean; defaultKmsKeyArn: string }
  /** AWS's time in ms: the machine's, plus the skew that the control port sets. */
  now(): number
}

export const defaultQuotas: Quotas = {
  importSnapshotTasks: 5,
  importImageTasks: 20,
  pendingSnapshots: 100,
  putSnapshotBlockPerSecond: 1000,
  startCompletePerSecond: 10,
}

export const defaultTiming: Timing = {
  stepMs: 200,
  settleMs: 300,
  completeMs: 300,
  pageTokenMs: 60 * 60_000,
  blockTokenMs: 7 * 24 * 60 * 60_000,
}

/** Reads the JSON config from the first line of stdin, which then stays open: its end is the signal to exit. */
export async function readConfigLine(stream: NodeJS.ReadStream): Promise<LabAwsConfig> {
  let text = ''
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    text += String(chunk)
    if (text.includes('\n')) break
  }
  return checkConfig(JSON.parse(text) as LabAwsConfig)
}

export function checkConfig(config: LabAwsConfig): LabAwsConfig {
  const needed = ['accountId', 'region', 'stateDir', 'internalSecret', 'admin', 'connector', 's3'] as const
  for (const name of needed) if (config[name] === undefined) throw new Error(`lab aws config: ${name} is missing`)
  return config
}

/** AWS's long ids: a prefix and 17 hexadecimal digits. */
export function newId(prefix: string): string {
  return `${prefix}-0${randomBytes(8).toString('hex')}`
}
