// A text for a report, filled in by the appliance, to be copied.
import { api } from '../api.ts'
import { useResource } from '../hooks.ts'
import { d } from '../locale/en-support.ts'
import { Button } from '../ui/button.tsx'
import { CopyText } from '../ui/copy.tsx'
import { Loading, Problem } from '../ui/messages.tsx'

export function ReportPart() {
  const report = useResource(signal => api.report(signal))
  return (
    <div class="stack loose">
      <p>{d.report.text}</p>
      <div>
        <Button href="/api/support/bundle" download>
          {d.bundle.act}
        </Button>
      </div>
      {!report.data && (report.error ? <Problem error={report.error} onRetry={report.reload} /> : <Loading />)}
      {report.data !== undefined && <CopyText label={d.report.label} text={report.data} />}
    </div>
  )
}
