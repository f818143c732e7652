// What a run works with: both sides, its journal, and what all runs share.
import type { Logger } from 'pino'
import type { AwsClients } from '../aws/clients.ts'
import type { PartBuffers } from '../aws/part-buffers.ts'
import type { Throttle } from '../disk/throttle.ts'
import type { VmdkDigestPool } from '../disk/vmdk-digest.ts'
import type { Job, Ownership, Policy } from '../domain.ts'
import type { VcenterSession } from '../vsphere/session.ts'
import type { Assess } from './admission.ts'
import type { RunJournal } from './journal.ts'
import type { Priority, Slots } from './slots.ts'

export interface RunContext {
  /** With the settings that the run began with. */
  job: Job
  journal: RunJournal
  log: Logger
  /** Opened when it is first needed: stages that need AWS only go on without it. */
  vcenter: () => Promise<VcenterSession>
  aws: AwsClients
  /** The server's present reference in vCenter; absent when the catalog has lost the server. */
  serverMoref: string | undefined
  /** Account that owns the bucket: every request to S3 says so. */
  accountId: string
  bucket: string
  importRoleName: string
  ownership: Ownership
  assess: Assess
  /** What holds for all jobs, as it stands now. */
  policy: () => Policy
  /** How fast bytes may leave, by the limits and windows of the policy and of the job. */
  throttle: Throttle
  /** Decodes and hashes what passes through. */
  digests: VmdkDigestPool
  /** Bytes in flight to S3, over all runs. */
  buffers: PartBuffers
  slots: Slots
  /** Whose turn it is where slots are short. */
  priority: Priority
  /** Aborted when the appliance stops: what must be finished whatever became of the run ends with this. */
  stopping: AbortSignal
  /** Where manifests are kept; absolute. */
  manifestDirectory: string
  /** How often AWS is asked how far an import is, milliseconds. */
  pollMs: number
  /** First pause before a run that was held up goes on, milliseconds. */
  resumeMs: number
  /** Longest time without a byte of a disk, milliseconds. */
  stallMs: number
  /** How often the datastores of an open VM snapshot are looked at, milliseconds. */
  watchMs: number
}
