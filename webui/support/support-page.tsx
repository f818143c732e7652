// Support: the bundle, the logs, what is left over, a report, and the documentation.
import { d } from '../locale/en-support.ts'
import { Lazy } from '../shell/lazy.tsx'
import { PageHead, Tabs } from '../ui/layout-parts.tsx'
import { BundlePart } from './bundle.tsx'
import { LeftoversPart } from './leftovers.tsx'
import { LogsPart } from './logs.tsx'
import { ReportPart } from './report.tsx'

const documentation = () => import('./documentation.tsx').then(module => module.DocumentationPart)

const parts = ['', 'logs', 'leftovers', 'report', 'documentation'] as const
const names = {
  '': 'bundle',
  logs: 'logs',
  leftovers: 'leftovers',
  report: 'report',
  documentation: 'documentation',
} as const

export function SupportPage({ part }: { part: string }) {
  const at = parts.find(one => one === part) ?? ''
  const href = (one: (typeof parts)[number]) => (one === '' ? '/support' : `/support/${one}`)
  return (
    <>
      <PageHead title={d.title} />
      <Tabs
        label={d.tabsLabel}
        tabs={parts.map(one => ({ href: href(one), label: d.tabs[names[one]] }))}
        current={href(at)}
      />
      {at === '' && <BundlePart />}
      {at === 'logs' && <LogsPart />}
      {at === 'leftovers' && <LeftoversPart />}
      {at === 'report' && <ReportPart />}
      {at === 'documentation' && <Lazy load={documentation} />}
    </>
  )
}
