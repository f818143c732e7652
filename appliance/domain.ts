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
}

/** A run's stages, as users see them. */
export const runStages = ['scheduled', 'uploading', 'converting', 'creatingImage'] as const
export type RunStage = (typeof runStages)[number]
export const runOutcomes = ['succeeded', 'failed', 'cancelled', 'missed'] as const
export type RunOutcome = (typeof runOutcomes)[number]
export type RunState = RunStage | RunOutcome

/** What went wrong, as stored and shown. */
export interface Failure {
  code: string
  message: string
  hint: string
  /** The stage in which the run was. */
  stage: RunStage
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
  createdAt: string
  startedAt?: string
  endedAt?: string
  /** The VM snapshot while it is open; absent again once vCenter has removed it. */
  vmSnapshotMoref?: string
  disks: RunDisk[]
  /** Requests that had to be repeated, by cause. */
  retries: Record<string, number>
  imageTaskId?: string
  imageStatus?: string
  imageId?: string
  /** Snapshots that the image stands on: the replica's own when registered, copies when converted. */
  imageSnapshotIds: string[]
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
export type AwsService = 's3' | 'ec2' | 'sts' | 'iam'

/** Connection to AWS; the secret access key and session token live in the secrets store. */
export interface AwsSettings {
  region: string
  accessKeyId: string
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
}

/** Whose work something in AWS is: becomes the `hoist:*` tags. */
export interface Ownership {
  connectorId: string
  jobId: string
  runId: string
  serverId: ServerId
  serverName: string
}
