// The snapshots of the account: their records, and how time moves their state.
import { mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AwsError } from './aws-error.ts'
import { newId } from './config.ts'
import type { SnapshotContent } from './snapshot-content.ts'

export type Tag = { Key: string; Value: string }

/** What EBS direct remembers of a snapshot that is being written. */
export type DirectWrite = {
  startedAtMs: number
  timeoutMs: number
  lastWriteMs: number
  /** SHA-256 of each block written, by index. */
  digests: Map<number, Buffer>
  sealed: boolean
}

export type Snapshot = {
  id: string
  arn: string
  volumeId: string
  volumeSizeGiB: number
  state: 'pending' | 'completed' | 'error'
  startTime: Date
  completionTime?: Date
  description: string
  encrypted: boolean
  kmsKeyArn?: string
  tags: Tag[]
  parentId?: string
  content: SnapshotContent
  /** Machine time at which a pending snapshot completes. */
  completesAtMs?: number
  direct?: DirectWrite
}

export type NewSnapshot = {
  volumeSizeGiB: number
  content: (path: string) => Promise<SnapshotContent>
  description?: string | undefined
  encrypted: boolean
  kmsKeyArn?: string | undefined
  tags?: Tag[]
  volumeId?: string
  parentId?: string
  state: 'pending' | 'completed'
}

export class SnapshotStore {
  readonly directory: string
  private readonly region: string
  private readonly now: () => number
  private readonly snapshots = new Map<string, Snapshot>()

  constructor(stateDir: string, region: string, now: () => number) {
    this.directory = join(stateDir, 'snapshots')
    this.region = region
    this.now = now
    mkdirSync(this.directory, { recursive: true })
  }

  async add(wanted: NewSnapshot): Promise<Snapshot> {
    const id = newId('snap')
    const snapshot: Snapshot = {
      id,
      arn: this.arn(id),
      // Imported and copied snapshots name a volume that never was (EC2 API reference, CopySnapshot).
      volumeId: wanted.volumeId ?? 'vol-ffffffff',
      volumeSizeGiB: wanted.volumeSizeGiB,
      state: wanted.state,
      startTime: new Date(this.now()),
      description: wanted.description ?? '',
      encrypted: wanted.encrypted,
      tags: wanted.tags ?? [],
      content: await wanted.content(join(this.directory, `${id}.raw`)),
    }
    if (wanted.encrypted && wanted.kmsKeyArn !== undefined) snapshot.kmsKeyArn = wanted.kmsKeyArn
    if (wanted.parentId !== undefined) snapshot.parentId = wanted.parentId
    if (wanted.state === 'completed') snapshot.completionTime = new Date(this.now())
    this.snapshots.set(id, snapshot)
    return snapshot
  }

  /** ARNs of snapshots name no account. */
  arn(id: string): string {
    return `arn:aws:ec2:${this.region}::snapshot/${id}`
  }

  find(id: string): Snapshot | undefined {
    const snapshot = this.snapshots.get(id)
    if (snapshot !== undefined) this.advance(snapshot)
    return snapshot
  }

  /** @throws EC2's errors for an id that is malformed or not there. */
  get(id: string): Snapshot {
    if (!/^snap-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id)) {
      throw new AwsError(
        'InvalidParameterValue',
        `Value (${id}) for parameter snapshotId is invalid. Expected: 'snap-...'.`,
      )
    }
    const snapshot = this.find(id)
    if (snapshot === undefined) throw new AwsError('InvalidSnapshot.NotFound', `The snapshot '${id}' does not exist.`)
    return snapshot
  }

  all(): Snapshot[] {
    for (const snapshot of this.snapshots.values()) this.advance(snapshot)
    return [...this.snapshots.values()]
  }

  async remove(snapshot: Snapshot): Promise<void> {
    this.snapshots.delete(snapshot.id)
    await rm(this.flatPath(snapshot.id), { force: true })
    await snapshot.content.release()
  }

  /** Where a snapshot's whole content goes when somebody wants it as one file. */
  flatPath(id: string): string {
    return join(this.directory, `${id}.flat.raw`)
  }

  private advance(snapshot: Snapshot): void {
    if (snapshot.state !== 'pending') return
    const { direct, completesAtMs } = snapshot
    if (completesAtMs !== undefined && Date.now() >= completesAtMs) {
      snapshot.state = 'completed'
      snapshot.completionTime = new Date(this.now())
    } else if (direct !== undefined && !direct.sealed && this.now() > direct.lastWriteMs + direct.timeoutMs) {
      snapshot.state = 'error'
    }
  }
}
