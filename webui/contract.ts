// Shapes of the API as the page uses them: types alone, from the schemas that the API answers by.
import type { Static } from 'typebox'
import type { RegionList as RegionListSchema } from '../appliance/api/schemas/aws.ts'
import type { Backup as BackupSchema } from '../appliance/api/schemas/backups.ts'
import type { Finding as FindingSchema } from '../appliance/api/schemas/common.ts'
import type { HealthRun as HealthRunSchema } from '../appliance/api/schemas/health.ts'
import type {
  JobSettings as JobSettingsSchema,
  JobsAnswer as JobsAnswerSchema,
  JobView as JobViewSchema,
  Schedule as ScheduleSchema,
} from '../appliance/api/schemas/jobs.ts'
import type {
  BandwidthLimit as BandwidthSchema,
  Policy as PolicySchema,
  WeeklyWindow as WindowSchema,
} from '../appliance/api/schemas/policy.ts'
import type { CatalogView as CatalogSchema } from '../appliance/api/schemas/servers.ts'
import type {
  CertificateSummary as CertificateSchema,
  RegistrationView as RegistrationSchema,
} from '../appliance/api/schemas/settings.ts'
import type { LogList as LogListSchema } from '../appliance/api/schemas/support.ts'
import type { WebCertificateRequest as WebCertificateRequestSchema } from '../appliance/api/schemas/web-certificate.ts'

export type { ConnectorList, ConnectorView } from '../appliance/api/schemas/connector.ts'
export type { JobPatch, JobsBody } from '../appliance/api/schemas/jobs.ts'
export type { Leftover } from '../appliance/api/schemas/leftovers.ts'
export type { ChannelBody, ChannelView, TargetBody, TestAnswer } from '../appliance/api/schemas/notifications.ts'
export type { RescueView } from '../appliance/api/schemas/rescue.ts'
export type { RunView } from '../appliance/api/schemas/runs.ts'
export type { ServerView } from '../appliance/api/schemas/servers.ts'
export type {
  AwsSettingsBody,
  AwsSettingsView,
  PrivilegeList,
  SettingsView,
  VcenterIdentity,
  VcenterSettingsBody,
  VcenterSettingsView,
} from '../appliance/api/schemas/settings.ts'

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

export type { AccountView } from '../appliance/api/schemas/accounts.ts'
export type { AuditEntry } from '../appliance/api/schemas/audit.ts'
export type { AwsIdentityView as AwsIdentity, BucketView } from '../appliance/api/schemas/aws.ts'
export type { HealthCheckView as HealthCheck, HealthView } from '../appliance/api/schemas/health.ts'
export type {
  MachineHostname,
  MachineNetwork,
  MachineSettings,
  MachineTime,
  MachineView,
  ResetBody,
} from '../appliance/api/schemas/machine.ts'
export type { PasswordVerdict as PasswordCheck, Role, SessionView } from '../appliance/api/schemas/session.ts'
export type { SetupStepId, SetupView } from '../appliance/api/schemas/setup.ts'
export type { SupportView } from '../appliance/api/schemas/support.ts'
export type { ProxyAnswer, ProxyBody, SystemView } from '../appliance/api/schemas/system.ts'
export type { ThroughputView } from '../appliance/api/schemas/throughput.ts'
export type { TokenMade, TokenView } from '../appliance/api/schemas/tokens.ts'
export type { AutoUpgradeBody, FetchBody, ReleaseList, UpgradeView } from '../appliance/api/schemas/upgrade.ts'
export type { WebCertificateBody, WebCertificateView } from '../appliance/api/schemas/web-certificate.ts'

export type RegionList = Static<typeof RegionListSchema>
export type HealthRun = Static<typeof HealthRunSchema>
export type LogList = Static<typeof LogListSchema>
export type LogLine = LogList['items'][number]
export type WebCertificateRequest = Static<typeof WebCertificateRequestSchema>
