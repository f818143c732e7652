// Which page stands at which path. All but the lists that an operator lives in are loaded when they are first opened.
import { t } from '../locale/en.ts'
import { match } from '../router.ts'
import { Button } from '../ui/button.tsx'
import { PageHead } from '../ui/layout-parts.tsx'
import { Lazy } from './lazy.tsx'

const dashboard = () => import('../dashboard/dashboard-page.tsx').then(module => module.DashboardPage)
const servers = () => import('../servers/servers-page.tsx').then(module => module.ServersPage)
const jobs = () => import('../jobs/jobs-page.tsx').then(module => module.JobsPage)
const createJob = () => import('../jobs/create-job-page.tsx').then(module => module.CreateJobPage)
const runs = () => import('../runs/runs-page.tsx').then(module => module.RunsPage)
const run = () => import('../runs/run-page.tsx').then(module => module.RunPage)
const images = () => import('../images/images-page.tsx').then(module => module.ImagesPage)
const connectors = () => import('../connectors/connectors-page.tsx').then(module => module.ConnectorsPage)
const settings = () => import('../settings/settings-page.tsx').then(module => module.SettingsPage)
const setup = () => import('../setup/setup-page.tsx').then(module => module.SetupPage)
const support = () => import('../support/support-page.tsx').then(module => module.SupportPage)
const audit = () => import('../audit/audit-page.tsx').then(module => module.AuditPage)

export function Pages({ path }: { path: string }) {
  const runId = match('/runs/:id', path)?.id
  const part = match('/settings/:part', path)?.part ?? (path === '/settings' ? '' : undefined)
  const supportPart = match('/support/:part', path)?.part ?? (path === '/support' ? '' : undefined)
  if (path === '/') return <Lazy load={dashboard} />
  if (path === '/servers') return <Lazy load={servers} />
  if (path === '/jobs') return <Lazy load={jobs} />
  if (path === '/jobs/new') return <Lazy load={createJob} />
  if (path === '/runs') return <Lazy load={runs} />
  if (runId !== undefined) return <Lazy key={runId} load={run} with={{ id: runId }} />
  if (path === '/images') return <Lazy load={images} />
  if (path === '/connectors') return <Lazy load={connectors} />
  if (part !== undefined) return <Lazy load={settings} with={{ part }} />
  if (path === '/setup') return <Lazy load={setup} />
  if (supportPart !== undefined) return <Lazy load={support} with={{ part: supportPart }} />
  if (path === '/audit') return <Lazy load={audit} />
  return (
    <>
      <PageHead title={t.shell.notFound}>{t.shell.notFoundHint}</PageHead>
      <div class="buttons">
        <Button href="/">{t.shell.toDashboard}</Button>
      </div>
    </>
  )
}
