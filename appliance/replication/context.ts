// What a run works with: both sides, its journal, and what all runs share.
import type { Logger } from 'pino'
import type { AwsClients } from '../aws/clients.ts'
import type { PartBuffers } from '../aws/part-buffers.ts'
import type { VmdkDigestPool } from '../disk/vmdk-digest.ts'
import type { Job, Ownership } from '../domain.ts'
import type { VcenterSession } from '../vsphere/session.ts'
import type { Assess } from './admission.ts'
import type { RunJournal } from './journal.ts'
import type { Slots } from './slots.ts'

export interface RunContext {
  job: Job
  journal: RunJournal
  log: Logger
  vcenter: VcenterSession
  aws: AwsClients
  /** The server's present reference in vCenter; absent when the catalog has lost the server. */
  serverMoref: string | undefined
  /** Account that owns the bucket: every request to S3 says so. */
  accountId: string
  bucket: string
  importRoleName: string
  ownership: Ownership
  assess: Assess
  /** Decodes and hashes what passes through. */
  digests: VmdkDigestPool
  /** Bytes in flight to S3, over all runs. */
  buffers: PartBuffers
  slots: Slots
  /** Where manifests are kept; absolute. */
  manifestDirectory: string
  /** How often AWS is asked how far an import is, milliseconds. */
  pollMs: number
}
