// The rescue mode: what is wrong with the database, what can be saved of it, and the way back to a backup.
import { useState } from 'preact/hooks'
import { api } from '../api.ts'
import { ExportDialog } from '../backups/export-dialog.tsx'
import { ImportDialog } from '../backups/import-dialog.tsx'
import type { RescueView } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { useAction } from '../hooks.ts'
import { t } from '../locale/en.ts'
import { b } from '../locale/en-backups.ts'
import { r } from '../locale/en-rescue.ts'
import { setBearer } from '../request.ts'
import { Brand } from '../shell/brand.tsx'
import { Solo } from '../shell/solo.tsx'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { Card, Facts, PageHead } from '../ui/layout-parts.tsx'
import { EmptyState, Problem, toast } from '../ui/messages.tsx'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State } from '../ui/state.tsx'
import { Restored } from './restored.tsx'

type Backup = RescueView['backups'][number]

export function RescuePage() {
  const [view, setView] = useState<RescueView>()
  const [restored, setRestored] = useState(false)
  if (restored) return <Restored />
  if (!view) return <Proof onView={setView} />
  return <Damage view={view} onView={setView} onRestored={() => setRestored(true)} />
}

function Proof({ onView }: { onView: (view: RescueView) => void }) {
  const [token, setToken] = useState('')
  const { busy, error, run } = useAction()
  const submit = () =>
    run(async () => {
      // Kept by this page alone, and gone with it.
      setBearer(token.trim())
      onView(await api.rescue())
    })
  return (
    <Solo>
      <form
        class="stack loose"
        onSubmit={event => {
          event.preventDefault()
          void submit()
        }}
      >
        <PageHead title={r.title} />
        <p>{r.intro}</p>
        <p>{r.prove}</p>
        <Field
          label={r.token}
          hint={r.tokenHint}
          type="password"
          value={token}
          onInput={setToken}
          required
          maxLength={64}
        />
        {error && <Problem error={error} />}
        <Button type="submit" kind="primary" busy={busy} disabled={token.trim() === ''}>
          {r.open}
        </Button>
        {busy && (
          <p class="hint" role="status">
            {r.checking}
          </p>
        )}
      </form>
    </Solo>
  )
}

function Damage(props: { view: RescueView; onView: (view: RescueView) => void; onRestored: () => void }) {
  const { view, onView, onRestored } = props
  const [asked, setAsked] = useState<Backup>()
  /** `damage`: the damaged database itself. */
  const [exporting, setExporting] = useState<Backup | 'damage'>()
  const [importing, setImporting] = useState(false)
  const checking = useAction()
  const restoring = useAction()
  const restore = async ({ name }: Backup) => {
    if (await restoring.run(() => api.restore(name))) onRestored()
  }
  return (
    <main class="main">
      <div class="solo-head">
        <Brand />
        {t.product}
      </div>
      <PageHead
        title={r.title}
        actions={
          <Button
            icon="turn"
            busy={checking.busy}
            onClick={() => void checking.run(async () => onView(await api.rescue()))}
          >
            {r.again}
          </Button>
        }
      >
        {r.intro}
      </PageHead>
      {checking.error && <Problem error={checking.error} />}
      <div class="stack loose">
        <div class="grid">
          <Wrong view={view} onExport={() => setExporting('damage')} />
          <Card title={r.todo}>
            <ol>
              {r.steps.map(step => (
                <li key={step}>{step}</li>
              ))}
            </ol>
          </Card>
        </div>
        <Card title={r.backups}>
          <div class="buttons">
            <Button onClick={() => setImporting(true)}>{b.importOpen}</Button>
          </div>
          <Backups
            backups={view.backups}
            onExport={setExporting}
            onAsk={backup => {
              restoring.clear()
              setAsked(backup)
            }}
          />
        </Card>
      </div>
      {asked && (
        <Dialog
          title={r.ask(moment(asked.takenAt, { seconds: true }))}
          confirm={r.restore}
          busy={restoring.busy}
          error={restoring.error}
          onConfirm={() => void restore(asked)}
          onClose={() => setAsked(undefined)}
        >
          <p>{r.askText}</p>
        </Dialog>
      )}
      {exporting && (
        <ExportDialog
          title={exporting === 'damage' ? r.exportDamage : b.exportTitle(moment(exporting.takenAt, { seconds: true }))}
          act={({ passphrase }) =>
            api.rescueExport({ passphrase, ...(exporting === 'damage' ? {} : { backup: exporting.name }) })
          }
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
          send={api.rescueSend}
          act={({ passphrase }) => api.rescueImport(passphrase)}
          onDone={onRestored}
          onClose={() => setImporting(false)}
        />
      )}
    </main>
  )
}

function Wrong({ view, onExport }: { view: RescueView; onExport: () => void }) {
  const { databaseBytes, logBytes } = view
  return (
    <Card title={r.what}>
      <p>{view.message}</p>
      <Facts
        of={[
          [r.findings, view.findings.join(' ')],
          [
            r.columns.size,
            databaseBytes === undefined
              ? r.noDatabase
              : r.sizeOf(bytes(databaseBytes), logBytes === undefined ? undefined : bytes(logBytes)),
          ],
          [t.code, <code key="code">{view.code}</code>],
        ]}
      />
      <div class="buttons">
        {(databaseBytes !== undefined || logBytes !== undefined) && (
          <Button onClick={onExport}>{r.exportDamage}</Button>
        )}
      </div>
    </Card>
  )
}

interface BackupsProps {
  backups: readonly Backup[]
  onAsk: (backup: Backup) => void
  onExport: (backup: Backup) => void
}

function Backups({ backups, onAsk, onExport }: BackupsProps) {
  const best = backups.find(({ ok }) => ok)
  return (
    <SimpleTable<Backup>
      label={r.table}
      rows={backups}
      rowKey={({ name }) => name}
      columns={[
        { title: r.columns.taken, cell: ({ takenAt }) => moment(takenAt, { seconds: true }) },
        { title: r.columns.name, wideOnly: true, cell: ({ name }) => <code>{name}</code> },
        { title: r.columns.size, end: true, wideOnly: true, cell: ({ sizeBytes }) => bytes(sizeBytes) },
        {
          title: r.columns.check,
          cell: ({ ok, findings }) => (
            <>
              <State kind={ok ? 'success' : 'error'} word={ok ? r.whole : r.damaged} />
              {!ok && <div class="cause muted">{findings[0]}</div>}
            </>
          ),
        },
        {
          title: t.actions,
          unseenTitle: true,
          end: true,
          cell: backup => (
            <div class="buttons">
              <Button label={b.exportOf(backup.name)} onClick={() => onExport(backup)}>
                {b.exportShort}
              </Button>
              {backup.ok && (
                <Button
                  kind={backup === best ? 'primary' : 'outline'}
                  label={r.restoreOf(backup.name)}
                  onClick={() => onAsk(backup)}
                >
                  {r.restore}
                </Button>
              )}
            </div>
          ),
        },
      ]}
      empty={
        <EmptyState icon="warning" title={r.empty}>
          {r.emptyHint}
        </EmptyState>
      }
    />
  )
}
