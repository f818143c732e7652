// Backups: listed, made, downloaded.
import { api } from '../api.ts'
import type { Backup } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { c } from '../locale/en-settings.ts'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { EmptyState, Loading, Problem, toast } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'

const words = c.backups

export function BackupsPart() {
  const backups = useResource(signal => api.backups(signal))
  const mayChange = useMay('administrator')
  const { busy, error, run } = useAction()
  const create = async () => {
    if (!(await run(api.makeBackup))) return
    toast(words.made)
    backups.reload()
  }
  if (!backups.data) return backups.error ? <Problem error={backups.error} onRetry={backups.reload} /> : <Loading />
  return (
    <div class="stack">
      <p>{words.text}</p>
      {mayChange && (
        <div>
          <Button kind="primary" busy={busy} onClick={() => void create()}>
            {words.create}
          </Button>
        </div>
      )}
      {error && <Problem error={error} />}
      <SimpleTable<Backup>
        label={c.tabs.backups}
        rows={backups.data.items}
        rowKey={backup => backup.name}
        columns={[
          { title: words.name, cell: backup => <code>{backup.name}</code> },
          { title: words.taken, wideOnly: true, cell: backup => moment(backup.takenAt, { seconds: true }) },
          { title: words.size, end: true, cell: backup => bytes(backup.sizeBytes) },
          {
            title: t.actions,
            unseenTitle: true,
            end: true,
            cell: backup =>
              mayChange && (
                <Button href={`/api/backups/${backup.name}`} download label={words.downloadOf(backup.name)}>
                  {t.download}
                </Button>
              ),
          },
        ]}
        empty={
          <EmptyState icon="list" title={words.empty}>
            {words.emptyHint}
          </EmptyState>
        }
      />
    </div>
  )
}
