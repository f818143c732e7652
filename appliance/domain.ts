// The nouns of Hoist, as types, in the order in which a run meets them. This file imports nothing.
//
//  vCenter                               appliance                                        AWS
//  server ──snapshot──▶ frozen disks ──NFC export lease──▶ vmdk stream ──▶ S3 object ──ImportSnapshot──▶ EBS snapshot
//  (catalog)                                                   │                                            │ replica
//                                                              └──▶ manifest (SHA-256 per block)            ▼
//                                                                                         RegisterImage │ ImportImage ──▶ AMI

/** A server's identity that survives a rename and a move: vCenter's `config.instanceUuid`. */
export type ServerId = string

export type PowerState = 'poweredOn' | 'poweredOff' | 'suspended'
export type Firmware = 'bios' | 'efi'

/** One virtual disk of a server, as vCenter describes it. */
export interface ServerDisk {
  /** VirtualDevice.key: with the backing UUID, what identifies a disk over time. */
  key: number
  label: string
  sizeBytes: number
  backingUuid?: string
  /** `[datastore] folder/name.vmdk` of the newest file of the chain. */
  fileName: string
  datastore: string
  thin: boolean
  /** `persistent`, `independent_persistent`, ... as vSphere names it. */
  mode: string
  /** `none`, `multiWriter`, or how its SCSI bus is shared: `virtualSharing`, `physicalSharing`. */
  sharing: string
  /** `file`, `rdmPhysical` or `rdmVirtual`. */
  kind: 'file' | 'rdmPhysical' | 'rdmVirtual'
  encrypted: boolean
  /** Changed block tracking's id, present once tracking has begun. */
  changeId?: string
}

export interface ServerNic {
  key: number
  label: string
  mac: string
  network: string
  connected: boolean
  addresses: string[]
}

export interface ServerSnapshot {
  moref: string
  name: string
  createdAt: string
}

/** One VM in the server catalog. */
export interface Server {
  id: ServerId
  /** vCenter's managed object reference: valid in this vCenter, changes when a VM is registered anew. */
  moref: string
  name: string
  /** Inventory path, `/datacenter/vm/folder/name`. */
  path: string
  guestId: string
  guestName: string
  firmware: Firmware
  secureBoot: boolean
  vTpm: boolean
  hardwareVersion: number
  cpus: number
  memoryMiB: number
  powerState: PowerState
  /** `guest.toolsRunningStatus` of vSphere: `guestToolsRunning` is what quiescing needs. */
  toolsStatus: string
  hostMoref: string
  hostName: string
  isTemplate: boolean
  faultTolerant: boolean
  /** The VM's home (and so perhaps its disks) is encrypted: `config.keyId`. */
  encrypted: boolean
  changeTrackingSupported: boolean
  changeTrackingEnabled: boolean
  /** ISO images attached to its CD drives. */
  isoPaths: string[]
  disks: ServerDisk[]
  nics: ServerNic[]
  snapshots: ServerSnapshot[]
}

/** Why a server cannot be replicated (`refusal`) or may surprise (`warning`). */
export interface Finding {
  severity: 'refusal' | 'warning'
  code: string
  message: string
  hint: string
  diskKey?: number
}

export type ImageMethod = 'registered' | 'converted'
export type Licence = 'auto' | 'aws' | 'byol'

/** When a job runs. */
export interface Schedule {
  /** First run, ISO 8601 with zone; at most 30 days ahead. */
  startAt: string
  /** Hours between runs, 1 to 24; absent means once. */
  everyHours?: number
  /** IANA zone whose clock the times of day follow, summer time included; absent means UTC. */
  timeZone?: string
  /**
   * What becomes of a run whose time passed while the appliance was away: `skip` marks it missed and waits for the next
   * (the default of a job that repeats), `run` starts it at once (the default of one that runs once: skipping ends it).
   */
  whenMissed?: 'skip' | 'run'
  /** Runs start inside these windows only; absent or none means at any time. */
  windows?: WeeklyWindow[]
}

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/** A stretch of certain days. One whose end is not after its start reaches into the next day. */
export interface WeeklyWindow {
  days: Weekday[]
  /** `HH:MM` by the clock of the time zone that goes with it. */
  from: string
  /** `HH:MM`, excluded; `24:00` is the day's end. */
  to: string
}

/** How many bytes per second may leave for AWS. */
export interface BandwidthLimit {
  /** Outside of the timetable; absent means no limit. */
  bytesPerSecond?: number
  /** The first window that holds the present time decides; `null` lifts the limit. */
  timetable: { window: WeeklyWindow; bytesPerSecond: number | null }[]
}

/** What holds for all jobs. */
export interface Policy {
  /** IANA zone of every window below. */
  timeZone: string
  bandwidth: BandwidthLimit
  /** Times in which no run starts; with `holdTransfers` those that go on wait too. */
  blackouts: { window: WeeklyWindow; holdTransfers: boolean }[]
  /** A run is ended, and its VM snapshot removed, when a datastore has less free than the larger of both. */
  datastoreFloor: { percent: number; bytes: number }
  /** Runs that fail one after the other before their job is paused; 0 never pauses. */
  pauseAfterFailures: number
  /** A VM snapshot of ours that is open for longer is told of, hours. */
  snapshotAgeHours: number
}

export interface JobSettings {
  licence: Licence
  imageMethod: ImageMethod
  encrypted: boolean
  /** Key id, ARN or alias; absent means the account's default key for EBS. */
  kmsKeyId?: string
  /** Images kept per server, 1 to 270. */
  retention: number
  /** The customer's own tags, put on everything besides `hoist:*`. */
  tags: Record<string, string>
  /** Of this job alone, within what the policy leaves; its windows follow the schedule's time zone. */
  bandwidth?: BandwidthLimit
}

/** A server with a schedule, retention and settings. */
export interface Job {
  id: string
  serverId: ServerId
  /** The server's name when the job was made, for a server that has left the catalog. */
  serverName: string
  schedule: Schedule
  settings: JobSettings
  state: 'active' | 'paused' | 'ended'
  createdAt: string
  /** Absent when nothing is due any more. */
  nextRunAt?: string
  /** The planned time that was dealt with last: its run was started, skipped or marked missed. A clock that is set back does not repeat it. */
  lastPlannedAt?: string
  /** Runs that failed one after the other, the newest included. */
  failuresInARow: number
  /** The run that was counted last: each is counted once. */
  countedRunId?: string
  /** Why the appliance itself paused the job; absent when a user did. */
  pausedBecause?: string
}

/** A run's stages, as users see them. */
export const runStages = ['scheduled', 'uploading', 'converting', 'creatingImage'] as const
export type RunStage = (typeof runStages)[number]
export const runOutcomes = ['succeeded', 'failed', 'cancelled', 'missed'] as const
export type RunOutcome = (typeof runOutcomes)[number]
export type RunState = RunStage | RunOutcome

/** Whether a run in this state has not ended. */
export function isStage(state: RunState): state is RunStage {
  return (runStages as readonly string[]).includes(state)
}

/** What went wrong, as stored and shown. */
export interface Failure {
  code: string
  message: string
  hint: string
  /** The stage in which the run was. */
  stage: RunStage
}

/** What a run makes outside of the appliance, each to be found again by name, key, token or tag. */
export const stepKinds = ['vmSnapshot', 'upload', 'import', 'image'] as const
export type StepKind = (typeof stepKinds)[number]

/**
 * How far a step is. `intended` is written before the request that makes something: it may exist. `effected` is written
 * when it is known to exist, `proven` when it is whole and checked (for the VM snapshot: removed and consolidated again).
 */
export const stepPhases = ['intended', 'effected', 'proven'] as const
export type StepPhase = (typeof stepPhases)[number]

export interface RunStep {
  kind: StepKind
  /** Absent for steps of the whole server. */
  diskKey?: number
  phase: StepPhase
  /** When it came into this phase. */
  at: string
}

/** Why a run was started. */
export type RunTrigger = 'schedule' | 'manual' | 'adopted'

/** A failure that passes by itself. */
export interface Setback {
  failure: Failure
  resumeAt: string
}

/** Hold-ups in a row, and how far the run had come at the first of them. */
export interface HeldUp {
  times: number
  /** Stage and phases of the steps, as text to be compared. */
  steps: string
  /** That S3 had, of all disks. */
  bytes: number
}

/** One disk's way through a run. */
export interface RunDisk {
  key: number
  label: string
  sizeBytes: number
  /** How far reading has come on the disk, bytes: what was passed as holes counts. */
  readBytes: number
  /** Bytes that S3 has acknowledged. */
  uploadedBytes: number
  /** Wall time from the first byte asked for to the completed object, milliseconds. */
  transferMs?: number
  bucket?: string
  objectKey?: string
  /** The multipart upload under way; what S3 has of it is used again after a restart. */
  uploadId?: string
  objectDeleted: boolean
  importTaskId?: string
  /** AWS's own words on the import, with its percentage when it gives one. */
  importStatus?: string
  snapshotId?: string
  /** Path of the manifest below the data directory. */
  manifestPath?: string
}

/** One execution of a job. */
export interface Run {
  id: string
  jobId: string
  serverId: ServerId
  serverName: string
  state: RunState
  trigger: RunTrigger
  createdAt: string
  startedAt?: string
  endedAt?: string
  /** The VM snapshot while it is open; absent again once vCenter has removed it. */
  vmSnapshotMoref?: string
  disks: RunDisk[]
  /** What was begun outside, and how far it is, in the order in which it was begun. */
  steps: RunStep[]
  /** The server as it stood when the run began: a run that goes on after a restart makes the image of that. */
  server?: Server
  /** The job's settings when the run began: it ends by the same, whatever is changed meanwhile. */
  settings?: JobSettings
  /** How often the run was gone on with after a restart or a failure that passed. */
  resumptions: number
  /** What holds the run up, and when it goes on; absent while nothing does. */
  setback?: Setback
  /** How often in a row it was held up without having come further. */
  heldUp?: HeldUp
  /** Requests that had to be repeated, by cause. */
  retries: Record<string, number>
  imageTaskId?: string
  imageStatus?: string
  imageId?: string
  /** Snapshots that the image stands on: the replica's own when registered, copies when converted. */
  imageSnapshotIds: string[]
  /** The image was taken away by the job's retention, with its snapshots. */
  imageRemovedAt?: string
  warnings: Finding[]
  failure?: Failure
}

/** Connection to vCenter; the password lives in the secrets store. */
export interface VcenterSettings {
  /** host or host:port. */
  host: string
  username: string
  /** PEM of the certificate that was shown and accepted, or of the private CA that signs it. */
  trust: CertificateTrust
}

export type CertificateTrust =
  /** Exactly this certificate is accepted. */
  | { kind: 'pinned'; certificatePem: string }
  /** Any certificate that this private CA signed for the host's name. */
  | { kind: 'ca'; caPem: string }

/** What a user is shown before a certificate is trusted. */
export interface CertificateSummary {
  subject: string
  issuer: string
  validFrom: string
  validTo: string
  /** Upper-case hex pairs with colons. */
  thumbprintSha256: string
  thumbprintSha1: string
  certificatePem: string
}

/** Services of AWS that the connector speaks to, as endpoint overrides name them. */
export type AwsService = 's3' | 'ec2' | 'sts' | 'iam' | 'sns'

/** Connection to AWS; the secret access key and session token live in the secrets store. */
export interface AwsSettings {
  region: string
  accessKeyId: string
  /** When temporary credentials end, ISO 8601, as whoever entered them says: a session token does not tell. */
  sessionExpiresAt?: string
  /** A role that the access key assumes for all the work. */
  assumeRoleArn?: string
  assumeRoleExternalId?: string
  /** Private endpoints: plain http is accepted on loopback only. */
  endpoints: Partial<Record<AwsService, string>>
  /** HTTP(S) proxy for all AWS traffic, without credentials in it. */
  proxyUrl?: string
  /** Who we are to the proxy, if it asks; the password is a secret. */
  proxyUsername?: string
  /** The role that VM Import assumes. */
  importRoleName: string
}

/** This appliance, as it marks what it makes. */
export interface Connector {
  /** Random, made once: names the bucket, the extension's record and the `hoist:connector` tag. */
  id: string
  bucket?: string
  bucketRegion?: string
  awsAccountId?: string
  /** vCenter's `about.instanceUuid` in which the extension stands. */
  vcenterInstanceUuid?: string
  /** Counts the lease's renewals. */
  mark: number
  /** Of the last lease that was written and of the one that may have been: a lease with another one is from another database. */
  leaseNonces?: string[]
  /**
   * Random, made anew when an administrator lets an older database go on: planned runs get other ids than those of the
   * history that the database does not know.
   */
  generation: string
}

/** Why a connector does nothing until an administrator has decided. */
export type ReadOnlyReason =
  /** Another machine holds the lease: this appliance, or that one, is a clone. */
  | 'cloned'
  /** The lease was written by this machine from another, or a newer, database. */
  | 'restored'
  /** There was a lease, and it is gone. */
  | 'leaseGone'
  /** Another machine has taken the lease over while this one worked. */
  | 'fenced'

export type NotificationEvent =
  | 'runFailed'
  | 'recovered'
  | 'firstSuccess'
  | 'jobPaused'
  | 'snapshotOld'
  | 'certificateExpiring'
  | 'credentialsExpiring'
  | 'connectorReadOnly'
  | 'upgradeFailed'

/** Something that people want to be told of. */
export interface Notification {
  event: NotificationEvent
  /** Of this very occasion: one that was delivered is not sent again. */
  id: string
  at: string
  /** One line, for a subject. */
  title: string
  /** What happened, to which server, and what to do. */
  text: string
  /** Ids and codes, for machines. */
  details: Record<string, string>
}

/** Where notifications go; passwords and signing keys live in the secrets store. */
export type NotificationTarget =
  | { kind: 'sns'; topicArn: string }
  | { kind: 'webhook'; url: string }
  | {
      kind: 'smtp'
      host: string
      port: number
      /** `tls` from the first byte, or `starttls` that is insisted on; `none` for a relay on this machine only. */
      security: 'tls' | 'starttls' | 'none'
      username?: string
      from: string
      to: string[]
    }

export interface NotificationChannel {
  id: string
  name: string
  enabled: boolean
  events: NotificationEvent[]
  target: NotificationTarget
  createdAt: string
}

/** Whose work something in AWS is: becomes the `hoist:*` tags. */
export interface Ownership {
  connectorId: string
  jobId: string
  runId: string
  serverId: ServerId
  serverName: string
}
