// Settings: connections, accounts, tokens, policy, notifications, backups, the web certificate.
import { c } from '../locale/en-settings.ts'
import { useMay } from '../session.ts'
import { Lazy } from '../shell/lazy.tsx'
import { PageHead, Tabs } from '../ui/layout-parts.tsx'
import { AccountPart } from './account.tsx'
import { AccountsPart } from './accounts.tsx'
import { AppliancePart } from './appliance.tsx'
import { ConnectionsPart } from './connections.tsx'
import { NotificationsPart } from './notifications.tsx'
import { PolicyPart } from './policy.tsx'
import { TokensPart } from './tokens.tsx'
import { CertificatePart } from './web-certificate.tsx'

// The largest parts, and those that are opened least.
const backups = () => import('./backups.tsx').then(module => module.BackupsPart)
const BackupsPart = () => <Lazy load={backups} />
const upgrades = () => import('./upgrades.tsx').then(module => module.UpgradesPart)
const UpgradesPart = () => <Lazy load={upgrades} />

const parts = {
  '': { name: 'connections', View: ConnectionsPart, forAdministrators: false },
  account: { name: 'account', View: AccountPart, forAdministrators: false },
  accounts: { name: 'accounts', View: AccountsPart, forAdministrators: true },
  tokens: { name: 'tokens', View: TokensPart, forAdministrators: false },
  policy: { name: 'policy', View: PolicyPart, forAdministrators: false },
  notifications: { name: 'notifications', View: NotificationsPart, forAdministrators: false },
  backups: { name: 'backups', View: BackupsPart, forAdministrators: false },
  appliance: { name: 'appliance', View: AppliancePart, forAdministrators: true },
  upgrades: { name: 'upgrades', View: UpgradesPart, forAdministrators: false },
  certificate: { name: 'certificate', View: CertificatePart, forAdministrators: false },
} as const

type PartId = keyof typeof parts

export function SettingsPage({ part }: { part: string }) {
  const isAdministrator = useMay('administrator')
  const ids = (Object.keys(parts) as PartId[]).filter(id => isAdministrator || !parts[id].forAdministrators)
  const at = ids.find(id => id === part) ?? ''
  const href = (id: PartId) => (id === '' ? '/settings' : `/settings/${id}`)
  const { View } = parts[at]
  return (
    <>
      <PageHead title={c.title} />
      <Tabs
        label={c.tabsLabel}
        tabs={ids.map(id => ({ href: href(id), label: c.tabs[parts[id].name] }))}
        current={href(at)}
      />
      <View key={at} />
    </>
  )
}
