// Every call of the API that the page makes, with its types.
import type {
  AccountView,
  AuditEntry,
  AutoUpgradeBody,
  AwsIdentity,
  AwsSettingsBody,
  AwsSettingsView,
  Backup,
  BucketView,
  CatalogView,
  CertificateSummary,
  ChannelBody,
  ChannelView,
  ConnectorList,
  ConnectorView,
  FetchBody,
  HealthRun,
  HealthView,
  JobPatch,
  JobsAnswer,
  JobsBody,
  JobView,
  Leftover,
  LogList,
  MachineHostname,
  MachineNetwork,
  MachineTime,
  MachineView,
  PasswordCheck,
  Policy,
  PrivilegeList,
  ProxyAnswer,
  ProxyBody,
  RegionList,
  RegistrationView,
  ReleaseList,
  RescueView,
  ResetBody,
  Role,
  RunView,
  ServerView,
  SessionView,
  SettingsView,
  SetupStepId,
  SetupView,
  SupportView,
  SystemView,
  TestAnswer,
  ThroughputView,
  TokenMade,
  TokenView,
  UpgradeView,
  VcenterIdentity,
  VcenterSettingsBody,
  VcenterSettingsView,
  WebCertificateBody,
  WebCertificateRequest,
  WebCertificateView,
} from './contract.ts'
import type { OpenApi } from './docs/open-api.ts'
import { request, requestFile, requestText } from './request.ts'
import { requestUpload, type UploadOptions } from './upload.ts'

interface Items<T> {
  items: T[]
  next?: string
}

/** `?a=1&b=2` of what is defined; nothing when nothing is. */
export function query(values: Record<string, string | number | boolean | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '')
  return given.length === 0 ? '' : `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}`
}

const id = encodeURIComponent

export const api = {
  // Session and setup
  session: (signal?: AbortSignal) => request<SessionView>('GET', '/api/session', undefined, signal),
  signIn: (body: { name: string; password: string }) => request<SessionView>('POST', '/api/session', body),
  checkPassword: (body: { password: string; name?: string }) =>
    request<PasswordCheck>('POST', '/api/password-check', body),
  signOut: () => request<void>('DELETE', '/api/session'),
  changePassword: (body: { current: string; next: string }) =>
    request<SessionView>('PUT', '/api/session/password', body),
  claim: (code: string) => request<SessionView>('POST', '/api/setup/code', { code }),
  makeAdministrator: (body: { name: string; password: string }) =>
    request<SessionView>('POST', '/api/setup/administrator', body),
  setup: (signal?: AbortSignal) => request<SetupView>('GET', '/api/setup', undefined, signal),
  stepDone: (step: SetupStepId) => request<SetupView>('PUT', `/api/setup/steps/${step}`, { done: true }),
  // Settings
  settings: (signal?: AbortSignal) => request<SettingsView>('GET', '/api/settings', undefined, signal),
  vcenterCertificate: (host: string) =>
    request<CertificateSummary>('POST', '/api/settings/vcenter/certificate', { host }),
  vcenterIdentity: (signal?: AbortSignal) =>
    request<VcenterIdentity>('GET', '/api/vcenter/identity', undefined, signal),
  vcenterPrivileges: (signal?: AbortSignal) =>
    request<PrivilegeList>('GET', '/api/vcenter/privileges', undefined, signal),
  saveVcenter: (body: VcenterSettingsBody) => request<VcenterSettingsView>('PUT', '/api/settings/vcenter', body),
  saveAws: (body: AwsSettingsBody) => request<AwsSettingsView>('PUT', '/api/settings/aws', body),
  regions: (signal?: AbortSignal) => request<RegionList>('GET', '/api/aws/regions', undefined, signal),
  awsIdentity: (signal?: AbortSignal) => request<AwsIdentity>('GET', '/api/aws/identity', undefined, signal),
  makeBucket: () => request<BucketView>('POST', '/api/aws/bucket'),
  registration: (signal?: AbortSignal) => request<RegistrationView>('GET', '/api/registration', undefined, signal),
  register: () => request<RegistrationView>('POST', '/api/registration'),
  unregister: () => request<RegistrationView>('DELETE', '/api/registration'),
  system: (signal?: AbortSignal) => request<SystemView>('GET', '/api/system', undefined, signal),
  saveProxy: (body: ProxyBody) => request<ProxyAnswer>('PUT', '/api/system/proxy', body),
  machine: (signal?: AbortSignal) => request<MachineView>('GET', '/api/machine', undefined, signal),
  saveNetwork: (body: MachineNetwork, signal?: AbortSignal) =>
    request<void>('PUT', '/api/machine/network', body, signal),
  saveHostname: (body: MachineHostname) => request<void>('PUT', '/api/machine/hostname', body),
  saveTime: (body: MachineTime) => request<void>('PUT', '/api/machine/time', body),
  switchSsh: (enabled: boolean) => request<void>('PUT', '/api/machine/ssh', { enabled }),
  switchUpdates: (enabled: boolean) => request<void>('PUT', '/api/machine/updates', { enabled }),
  restart: (what: 'service' | 'machine', force = false) =>
    request<{ begun: true }>('POST', '/api/machine/restart', { what, ...(force ? { force } : {}) }),
  reset: (body: ResetBody) => request<{ begun: true }>('POST', '/api/machine/reset', body),
  saveLogUpload: (enabled: boolean) => request<{ enabled: boolean }>('PUT', '/api/settings/log-upload', { enabled }),
  policy: (signal?: AbortSignal) => request<Policy>('GET', '/api/policy', undefined, signal),
  savePolicy: (body: Policy) => request<Policy>('PUT', '/api/policy', body),
  // Health
  health: (signal?: AbortSignal) => request<HealthView>('GET', '/api/health', undefined, signal),
  runHealth: () => request<HealthRun>('POST', '/api/health/run'),
  // Catalog, jobs, runs
  catalog: (signal?: AbortSignal) => request<CatalogView>('GET', '/api/catalog', undefined, signal),
  importCatalog: () => request<CatalogView>('POST', '/api/catalog/import'),
  clearCatalog: () => request<CatalogView>('DELETE', '/api/catalog'),
  servers: (values: { after?: string; limit?: number; search?: string }, signal?: AbortSignal) =>
    request<Items<ServerView> & { total: number }>('GET', `/api/servers${query(values)}`, undefined, signal),
  server: (serverId: string, signal?: AbortSignal) =>
    request<ServerView>('GET', `/api/servers/${id(serverId)}`, undefined, signal),
  jobs: (signal?: AbortSignal) => request<Items<JobView>>('GET', '/api/jobs', undefined, signal),
  createJobs: (body: JobsBody) => request<JobsAnswer>('POST', '/api/jobs', body),
  changeJob: (jobId: string, patch: JobPatch) => request<JobView>('PATCH', `/api/jobs/${id(jobId)}`, patch),
  deleteJob: (jobId: string, images: boolean) =>
    request<void>('DELETE', `/api/jobs/${id(jobId)}${query({ images: images || undefined })}`),
  pauseJob: (jobId: string) => request<JobView>('POST', `/api/jobs/${id(jobId)}/pause`),
  resumeJob: (jobId: string) => request<JobView>('POST', `/api/jobs/${id(jobId)}/resume`),
  startRun: (jobId: string) => request<RunView>('POST', `/api/jobs/${id(jobId)}/runs`),
  runs: (values: { jobId?: string; after?: string; limit?: number }, signal?: AbortSignal) =>
    request<Items<RunView>>('GET', `/api/runs${query(values)}`, undefined, signal),
  run: (runId: string, signal?: AbortSignal) => request<RunView>('GET', `/api/runs/${id(runId)}`, undefined, signal),
  cancelRun: (runId: string) => request<RunView>('POST', `/api/runs/${id(runId)}/cancel`),
  throughput: (signal?: AbortSignal) => request<ThroughputView>('GET', '/api/throughput', undefined, signal),
  retryRun: (runId: string) => request<RunView>('POST', `/api/runs/${id(runId)}/retry`),
  // Connector
  connector: (signal?: AbortSignal) => request<ConnectorView>('GET', '/api/connector', undefined, signal),
  connectors: (signal?: AbortSignal) => request<ConnectorList>('GET', '/api/connectors', undefined, signal),
  decide: (decision: 'takeOver' | 'newIdentity') =>
    request<ConnectorView>('POST', '/api/connector/decision', { decision }),
  leftovers: (signal?: AbortSignal) => request<Items<Leftover>>('GET', '/api/leftovers', undefined, signal),
  cleanLeftovers: () => request<{ begun: true }>('POST', '/api/leftovers/clean'),
  adoptImage: (imageId: string) => request<RunView>('POST', '/api/leftovers/adopt', { imageId }),
  // Notifications and backups
  channels: (signal?: AbortSignal) =>
    request<Items<ChannelView>>('GET', '/api/notifications/channels', undefined, signal),
  createChannel: (body: ChannelBody) => request<ChannelView>('POST', '/api/notifications/channels', body),
  changeChannel: (channelId: string, body: Partial<ChannelBody>) =>
    request<ChannelView>('PATCH', `/api/notifications/channels/${id(channelId)}`, body),
  deleteChannel: (channelId: string) => request<void>('DELETE', `/api/notifications/channels/${id(channelId)}`),
  testChannel: (channelId: string) => request<TestAnswer>('POST', `/api/notifications/channels/${id(channelId)}/test`),
  backups: (signal?: AbortSignal) => request<Items<Backup>>('GET', '/api/backups', undefined, signal),
  makeBackup: () => request<Backup>('POST', '/api/backups'),
  exportBackup: (name: string, body: { passphrase: string; password?: string }) =>
    requestFile('POST', `/api/backups/${id(name)}/export`, body),
  sendBackup: (file: Blob, options: UploadOptions) =>
    requestUpload<{ sizeBytes: number }>('PUT', '/api/backups/upload', file, options),
  importBackup: (body: { passphrase: string; password?: string }) =>
    request<{ backup: string }>('POST', '/api/backups/import', body),
  // Upgrades
  upgrade: (signal?: AbortSignal) => request<UpgradeView>('GET', '/api/upgrade', undefined, signal),
  uploadBundle: (file: Blob, options: UploadOptions) =>
    requestUpload<UpgradeView>('POST', '/api/upgrade/bundle', file, options),
  discardBundle: () => request<UpgradeView>('DELETE', '/api/upgrade/bundle'),
  fetchBundle: (body: FetchBody) => request<UpgradeView>('POST', '/api/upgrade/fetch', body),
  cancelBundle: () => request<UpgradeView>('DELETE', '/api/upgrade/fetch'),
  releases: (signal?: AbortSignal) => request<ReleaseList>('GET', '/api/upgrade/releases', undefined, signal),
  installRelease: (version: string) => request<UpgradeView>('POST', '/api/upgrade/install', { version }),
  saveAutoUpgrade: (body: AutoUpgradeBody) => request<UpgradeView>('PUT', '/api/upgrade/settings', body),
  // The rescue mode
  rescue: () => request<RescueView>('GET', '/api/rescue'),
  restore: (backup: string) => request<{ damagedFile: string }>('POST', '/api/rescue/restore', { backup }),
  rescueExport: (body: { passphrase: string; backup?: string }) => requestFile('POST', '/api/rescue/export', body),
  rescueSend: (file: Blob, options: UploadOptions) =>
    requestUpload<{ sizeBytes: number }>('PUT', '/api/rescue/upload', file, options),
  rescueImport: (passphrase: string) => request<{ backup: string }>('POST', '/api/rescue/import', { passphrase }),
  // Accounts, tokens, audit
  accounts: (signal?: AbortSignal) => request<Items<AccountView>>('GET', '/api/accounts', undefined, signal),
  createAccount: (body: { name: string; password: string; role: Role }) =>
    request<AccountView>('POST', '/api/accounts', body),
  changeAccount: (accountId: string, body: { role?: Role; password?: string; unlock?: true }) =>
    request<AccountView>('PATCH', `/api/accounts/${id(accountId)}`, body),
  deleteAccount: (accountId: string) => request<void>('DELETE', `/api/accounts/${id(accountId)}`),
  tokens: (signal?: AbortSignal) => request<Items<TokenView>>('GET', '/api/tokens', undefined, signal),
  createToken: (body: { name: string; readOnly: boolean }) => request<TokenMade>('POST', '/api/tokens', body),
  deleteToken: (tokenId: string) => request<void>('DELETE', `/api/tokens/${id(tokenId)}`),
  audit: (values: { after?: string; limit?: number }, signal?: AbortSignal) =>
    request<Items<AuditEntry>>('GET', `/api/audit${query(values)}`, undefined, signal),
  // Support
  logs: (values: { level?: string; text?: string; after?: string; limit?: number }, signal?: AbortSignal) =>
    request<LogList>('GET', `/api/support/logs${query(values)}`, undefined, signal),
  support: (signal?: AbortSignal) => request<SupportView>('GET', '/api/support', undefined, signal),
  report: (signal?: AbortSignal) => requestText('GET', '/api/support/report', undefined, signal),
  openapi: (signal?: AbortSignal) => request<OpenApi>('GET', '/api/openapi.json', undefined, signal),
  webCertificate: (signal?: AbortSignal) =>
    request<WebCertificateView>('GET', '/api/web-certificate', undefined, signal),
  requestCertificate: (names: string[]) =>
    request<WebCertificateRequest>('POST', '/api/web-certificate/request', { names }),
  saveCertificate: (body: WebCertificateBody) => request<WebCertificateView>('PUT', '/api/web-certificate', body),
} as const
