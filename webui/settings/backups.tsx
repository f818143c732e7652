// Backups: listed, made, exported; and the way back from an export.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { ExportDialog } from '../backups/export-dialog.tsx'
import { ImportDialog } from '../backups/import-dialog.tsx'
import type { Backup } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { b } from '../locale/en-backups.ts'
import { c } from '../locale/en-settings.ts'
import { Restored } from '../rescue/restored.tsx'
import { useMay } from '../session.ts'
import { Button } from '../ui/button.tsx'
import { EmptyState, Loading, Problem, toast } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'

const words = c.backups

export function BackupsPart() {
  const backups = useResource(signal => api.backups(signal))
  const mayChange = useMay('administrator')
  const { busy, error, run } = useAction()
  const [exporting, setExporting] = useState<Backup>()
  const [importing, setImporting] = useState(false)
  const [restored, setRestored] = useState(false)
  const create = async () => {
    if (!(await run(api.makeBackup))) return
    toast(words.made)
    backups.reload()
  }
  if (restored) return <Restored />
  if (!backups.data) return backups.error ? <Problem error={backups.error} onRetry={backups.reload} /> : <Loading />
  return (
    <div class="stack">
      <p>{words.text}</p>
      {mayChange && (
        <div class="buttons">
          <Button kind="primary" busy={busy} onClick={() => void create()}>
            {words.create}
          </Button>
          <Button onClick={() => setImporting(true)}>{b.importOpen}</Button>
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
                <Button label={b.exportOf(backup.name)} onClick={() => setExporting(backup)}>
                  {b.exportShort}
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
      {exporting && (
        <ExportDialog
          title={b.exportTitle(moment(exporting.takenAt, { seconds: true }))}
          withPassword
          act={secrets => api.exportBackup(exporting.name, secrets)}
          onDone={() => {
            setExporting(undefined)
            toast(b.exported)
          }}
          onClose={() => setExporting(undefined)}
        />
      )}
      {importing && (
        <ImportDialog
          text={b.importText}
          withPassword
          send={api.sendBackup}
          act={api.importBackup}
          onDone={() => setRestored(true)}
          onClose={() => setImporting(false)}
        />
      )}
    </div>
  )
}
