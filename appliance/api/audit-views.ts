// What a change changes, as the audit log shows it before and after: the same views that the API gives.
import type { AccessService } from '../accounts/access-service.ts'
import type { NotificationService } from '../notify/service.ts'
import type { AuditOptions } from './audit-hook.ts'
import type { ConnectorService } from './connector.ts'
import type { JobService } from './jobs.ts'
import type { MachineService } from './machine.ts'
import type { PolicyService } from './policy.ts'
import type { SettingsService } from './settings.ts'
import type { SupportService } from './support.ts'
import type { SystemService } from './system.ts'
import type { UpgradeRoutesService } from './upgrade.ts'
import type { WebCertificateService } from './web-certificate.ts'

export interface ViewedServices {
  access: AccessService
  settings: Pick<SettingsService, 'view' | 'connector'>
  jobs: Pick<JobService, 'get'>
  policy: Pick<PolicyService, 'get'>
  connector: Pick<ConnectorService, 'view'>
  notifications: Pick<NotificationService, 'get'>
  system: Pick<SystemService, 'proxy'>
  machine: Pick<MachineService, 'known'>
  support: Pick<SupportService, 'view'>
  webCertificate: Pick<WebCertificateService, 'view'>
  upgrade: Pick<UpgradeRoutesService, 'view'>
}

/** Views by method and route. Only cheap ones: nothing here asks vCenter or AWS. */
export function auditViews(services: ViewedServices): AuditOptions['views'] {
  const { access, settings, jobs, policy, connector, notifications } = services
  const { system, machine, support, webCertificate, upgrade } = services
  const account = ({ id = '' }: Record<string, string>) => access.accounts.get(id)
  const job = ({ id = '' }: Record<string, string>) => jobs.get(id)
  const channel = ({ id = '' }: Record<string, string>) => notifications.get(id)
  const token = async ({ id = '' }: Record<string, string>) =>
    (await access.tokens.list(undefined)).find(item => item.id === id)
  const bundle = async () => {
    const { running, offered, to } = await upgrade.view()
    return { running, ...(offered ? { offered } : {}), ...(to === undefined ? {} : { to }) }
  }
  return {
    'PATCH /api/accounts/:id': account,
    'DELETE /api/accounts/:id': account,
    'DELETE /api/tokens/:id': token,
    'PUT /api/setup/steps/:id': () => access.setup.view(),
    'PUT /api/settings/vcenter': async () => (await settings.view()).vcenter,
    'PUT /api/settings/aws': async () => (await settings.view()).aws,
    'POST /api/registration': () => settings.connector(),
    'DELETE /api/registration': () => settings.connector(),
    'POST /api/connector/decision': () => connector.view(),
    'PUT /api/policy': () => policy.get(),
    'PUT /api/system/proxy': () => system.proxy(),
    'PUT /api/machine/network': async () => machine.known('network'),
    'PUT /api/machine/hostname': async () => machine.known('hostname'),
    'PUT /api/machine/time': async () => machine.known('time'),
    'PUT /api/machine/ssh': async () => machine.known('ssh'),
    'PUT /api/machine/updates': async () => machine.known('updates'),
    'PUT /api/settings/log-upload': async () => (await support.view()).logUpload,
    'PUT /api/web-certificate': async () => webCertificate.view(),
    'POST /api/upgrade/bundle': bundle,
    'DELETE /api/upgrade/bundle': bundle,
    'POST /api/upgrade/install': bundle,
    'PUT /api/upgrade/settings': async () => {
      const { enabled, source, windows } = (await upgrade.view()).auto
      return { enabled, source, windows }
    },
    'POST /api/aws/bucket': () => settings.connector(),
    'PATCH /api/jobs/:id': job,
    'DELETE /api/jobs/:id': job,
    'POST /api/jobs/:id/pause': job,
    'POST /api/jobs/:id/resume': job,
    'PATCH /api/notifications/channels/:id': channel,
    'DELETE /api/notifications/channels/:id': channel,
  }
}
