// Shapes of the API as the page uses them: types alone, from the schemas that the API answers by.
import type { Static } from 'typebox'
import type { Backup as BackupSchema } from '../appliance/api/schemas/backups.ts'
import type { Finding as FindingSchema } from '../appliance/api/schemas/common.ts'
import type { JobSettings as JobSettingsSchema, JobView as JobViewSchema, JobsAnswer as JobsAnswerSchema, Schedule as ScheduleSchema } from '../appliance/api/schemas/jobs.ts'
import type { BandwidthLimit as BandwidthSchema, Policy as PolicySchema, WeeklyWindow as WindowSchema } from '../appliance/api/schemas/policy.ts'
import type { CatalogView as CatalogSchema } from '../appliance/api/schemas/servers.ts'
import type { CertificateSummary as CertificateSchema, RegistrationView as RegistrationSchema } from '../appliance/api/schemas/settings.ts'

export type { ConnectorView } from '../appliance/api/schemas/connector.ts'
export type { JobPatch, JobsBody } from '../appliance/api/schemas/jobs.ts'
export type { Leftover } from '../appliance/api/schemas/leftovers.ts'
export type { ChannelBody, ChannelView, TargetBody, TestAnswer } from '../appliance/api/schemas/notifications.ts'
export type { RunView } from '../appliance/api/schemas/runs.ts'
export type { ServerView } from '../appliance/api/schemas/servers.ts'
export type { AwsSettingsBody, AwsSettingsView, SettingsView, VcenterSettingsBody, VcenterSettingsView } from '../appliance/api/schemas/settings.ts'

export type Finding = Static<typeof FindingSchema>
export type JobView = Static<typeof JobViewSchema>
export type JobSettings = Static<typeof JobSettingsSchema>
export type JobsAnswer = Static<typeof JobsAnswerSchema>
export type Schedule = Static<typeof ScheduleSchema>
export type Policy = Static<typeof PolicySchema>
export type BandwidthLimit = Static<typeof BandwidthSchema>
export type WeeklyWindow = Static<typeof WindowSchema>
export type CatalogView = Static<typeof CatalogSchema>
export type CertificateSummary = Static<typeof CertificateSchema>
export type RegistrationView = Static<typeof RegistrationSchema>
export type Backup = Static<typeof BackupSchema>

export type Role = 'administrator' | 'operator' | 'support'

export interface SessionView {
  state: 'unclaimed' | 'signedOut' | 'signedIn'
  setupComplete: boolean
  csrf?: string
  account?: { id: string; name: string; role: Role }
  expiresAt?: string
}

export type SetupStepId = 'licence' | 'password' | 'network' | 'uploads' | 'aws' | 'vcenter' | 'checks' | 'register'

export interface SetupView {
  steps: { id: SetupStepId; state: 'notStarted' | 'done' }[]
  complete: boolean
}

export interface AccountView {
  id: string
  name: string
  role: Role
  createdAt?: string
  lastSignInAt?: string
}

export interface TokenView {
  id: string
  name: string
  readOnly: boolean
  createdAt?: string
  lastUsedAt?: string
  /** Of the answer to its making alone. */
  token?: string
}

export interface AuditEntry {
  id: string
  at: string
  /** Name of the account or token. */
  who: string
  from: string
  what: string
  before?: unknown
  after?: unknown
}

export interface SystemView {
  hostname: string
  version: string
  startedAt: string
  interfaces: { name: string; addresses: string[] }[]
  gateway?: string
  dns: string[]
  ntp: { servers: string[]; synchronized?: boolean; offsetMs?: number }
  proxy?: { url?: string; username?: string }
  clock: { now: string; awsSkewMs?: number }
}

export type CheckState = 'notStarted' | 'inProgress' | 'success' | 'warning' | 'error'

export interface HealthCheck {
  id: string
  group: 'network' | 'vcenter' | 'aws' | 'appliance'
  title: string
  state: CheckState
  at?: string
  tookMs?: number
  cause?: string
  fix?: string
}

export interface HealthView {
  checks: HealthCheck[]
  at?: string
}

export interface AwsIdentity {
  accountId: string
  arn: string
  missingActions: string[]
}

export interface LogLine {
  at: string
  level: string
  message: string
  fields?: Record<string, unknown>
}

export interface WebCertificateView {
  subject: string
  issuer: string
  validFrom: string
  validTo: string
  thumbprintSha256: string
  selfSigned?: boolean
}
