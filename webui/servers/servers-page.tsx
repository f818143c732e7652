// Servers: search, filter, select hundreds, and start jobs from the selection.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { JobView, RunView } from '../contract.ts'
import { bytes, moment } from '../format.ts'
import { useAction } from '../hooks.ts'
import { jobState, lastRuns } from '../jobs/job-state.ts'
import { live, loadCatalog } from '../live.ts'
import { t } from '../locale/en.ts'
import { go } from '../router.ts'
import { useMay } from '../session.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field, Select } from '../ui/field.tsx'
import { PageHead } from '../ui/layout-parts.tsx'
import { EmptyState, Loading, Problem, toast } from '../ui/messages.tsx'
import { Progress } from '../ui/progress.tsx'
import { State } from '../ui/state.tsx'
import { type Column, type Sorting, Table } from '../ui/table.tsx'
import { chosenServers } from './chosen.ts'
import { ImportCatalog } from './import-catalog.tsx'
import { readServers, serverList } from './server-list.ts'
import { ServerPanel } from './server-panel.tsx'
import { filterRows, noFilter, type Readiness, type ServerRow, sortRows } from './server-rows.ts'

const readinessKinds = { ready: 'success', warning: 'warning', refusal: 'error' } as const

export function ServersPage() {
  const catalog = useStore(live.catalog)
  const jobs = useStore(live.jobs).data
  const list = useStore(serverList)
  const [filter, setFilter] = useState(noFilter)
  const [sorting, setSorting] = useState<Sorting>({ column: 'name', descending: false })
  const selected = useStore(chosenServers)
  const [openId, setOpenId] = useState<string>()
  const mayRun = useMay('operator')
  const importing = catalog.data?.state === 'importing'
  const version =
    catalog.data && !importing ? `${catalog.data.state} ${catalog.data.endedAt} ${catalog.data.servers}` : undefined
  useEffect(() => {
    if (version !== undefined) void readServers(version)
  }, [version])
  const jobOf = useMemo(() => new Map(jobs?.map(job => [job.serverId, job])), [jobs])
  const runs = useStore(live.runs).data
  const lastRun = useMemo(() => lastRuns(runs ?? []), [runs])
  const withJob = useMemo(() => new Set(jobOf.keys()), [jobOf])
  const sorted = useMemo(() => sortRows(list.rows, sorting), [list.rows, sorting])
  const rows = useMemo(() => filterRows(sorted, filter, withJob), [sorted, filter, withJob])
  const all = useMemo(() => columnsFor(jobOf, lastRun, setOpenId), [jobOf, lastRun])
  // Beside the details there is room for what tells servers apart.
  const columns = openId === undefined ? all : all.filter(({ id }) => besidePanel.has(id))
  const open = openId === undefined ? undefined : list.rows.find(row => row.id === openId)?.server
  const isFiltered = filter !== noFilter
  return (
    <>
      <PageHead title={t.servers.title} actions={mayRun && <CatalogActions importing={importing} />}>
        <CatalogWords />
      </PageHead>
      {catalog.data?.failure && <Problem error={catalog.data.failure} />}
      {list.error && list.error.code !== 'NOT_CONFIGURED' && (
        <Problem error={list.error} onRetry={() => version && void readServers(version)} />
      )}
      {importing && <Progress label={t.servers.importing} words={[t.servers.importing]} />}
      <div class="toolbar">
        <Field
          class="search"
          type="search"
          label={t.servers.searchLabel}
          value={filter.search}
          onInput={search => setFilter({ ...filter, search })}
        />
        <Select
          label={t.servers.readiness}
          value={filter.readiness}
          onInput={readiness => setFilter({ ...filter, readiness })}
          options={[
            { value: '', label: t.servers.all },
            ...(['ready', 'warning', 'refusal'] as const).map(value => ({ value, label: t.severity[value] })),
          ]}
        />
        <Select
          label={t.servers.power}
          value={filter.power}
          onInput={power => setFilter({ ...filter, power })}
          options={[
            { value: '', label: t.servers.all },
            ...(['poweredOn', 'poweredOff', 'suspended'] as const).map(value => ({ value, label: t.power[value] })),
          ]}
        />
        <Select
          label={t.servers.job}
          value={filter.job}
          onInput={job => setFilter({ ...filter, job })}
          options={[
            { value: '', label: t.servers.all },
            { value: 'with', label: t.servers.withJob },
            { value: 'without', label: t.servers.withoutJob },
          ]}
        />
        <span class="space" />
        {selected.size > 0 && (
          <div class="buttons">
            <span>{t.servers.selected(selected.size)}</span>
            <Button kind="plain" onClick={() => chosenServers.set(new Set())}>
              {t.servers.clear}
            </Button>
          </div>
        )}
        {mayRun && (
          <Button kind="primary" disabled={selected.size === 0} onClick={() => go('/jobs/new')}>
            {selected.size === 0 ? t.servers.createJob : t.servers.createJobs(selected.size)}
          </Button>
        )}
      </div>
      <div class="beside">
        <div>
          <Table<ServerRow>
            label={t.servers.title}
            rows={rows}
            rowKey={rowKey}
            rowName={rowName}
            columns={columns}
            sorting={sorting}
            onSort={setSorting}
            {...(mayRun ? { selected, onSelect: next => chosenServers.set(next) } : {})}
            current={openId}
            empty={
              <Empty
                filtered={isFiltered && list.rows.length > 0}
                reading={list.reading}
                onClear={() => setFilter(noFilter)}
              />
            }
          />
          <div class="hint" role="status">
            {list.reading && list.rows.length > 0
              ? t.servers.reading(list.rows.length, list.total)
              : t.servers.shown(rows.length, list.rows.length)}
          </div>
        </div>
        {open && (
          <ServerPanel key={open.id} server={open} job={jobOf.get(open.id)} onClose={() => setOpenId(undefined)} />
        )}
      </div>
    </>
  )
}

const besidePanel = new Set(['name', 'readiness', 'size', 'job'])
const rowKey = (row: ServerRow) => row.id
const rowName = (row: ServerRow) => row.name

function columnsFor(
  jobOf: ReadonlyMap<string, JobView>,
  lastRun: ReadonlyMap<string, RunView>,
  open: (id: string) => void,
): Column<ServerRow>[] {
  const words = t.servers.columns
  return [
    {
      id: 'name',
      title: words.name,
      sortable: true,
      cell: row => (
        <button type="button" class="link cut" onClick={() => open(row.id)}>
          {row.name}
        </button>
      ),
    },
    {
      id: 'readiness',
      title: words.readiness,
      width: '150px',
      sortable: true,
      cell: row => <ReadinessState of={row.readiness} />,
    },
    {
      id: 'size',
      title: words.size,
      width: '92px',
      end: true,
      sortable: true,
      wideOnly: true,
      cell: row => bytes(row.sizeBytes),
    },
    { id: 'disks', title: words.disks, width: '68px', end: true, wideOnly: true, cell: row => row.server.disks.length },
    { id: 'guest', title: words.guest, wideOnly: true, cell: row => row.server.guestName },
    { id: 'power', title: words.power, width: '104px', wideOnly: true, cell: row => t.power[row.server.powerState] },
    {
      id: 'job',
      title: words.job,
      width: '92px',
      wideOnly: true,
      cell: row => {
        const job = jobOf.get(row.id)
        return job && <a href={`/jobs?job=${job.id}`}>{jobState(job, lastRun.get(job.id)).word}</a>
      },
    },
  ]
}

export function ReadinessState({ of }: { of: Readiness }) {
  return <State kind={readinessKinds[of]} word={t.severity[of]} />
}

function CatalogWords() {
  const { data } = useStore(live.catalog)
  if (!data) return null
  const { state, importedAt, endedAt } = data
  return (
    <>
      {importedAt && t.servers.imported(moment(importedAt))}
      {state === 'failed' && endedAt && ` ${t.servers.importFailedAt(moment(endedAt))}`}
    </>
  )
}

function CatalogActions({ importing }: { importing: boolean }) {
  const [clearing, setClearing] = useState(false)
  const clear = useAction()
  return (
    <>
      <ImportCatalog failureShown />
      <Button onClick={() => setClearing(true)} disabled={importing}>
        {t.servers.clearCatalog}
      </Button>
      {clearing && (
        <Dialog
          title={t.servers.clearTitle}
          confirm={t.servers.clearCatalog}
          danger
          busy={clear.busy}
          error={clear.error}
          onClose={() => setClearing(false)}
          onConfirm={() =>
            void clear
              .run(async () => {
                await api.clearCatalog()
                await loadCatalog()
              })
              .then(ok => {
                if (!ok) return
                setClearing(false)
                toast(t.servers.cleared)
              })
          }
        >
          <p>{t.servers.clearText}</p>
        </Dialog>
      )}
    </>
  )
}

function Empty({ filtered, reading, onClear }: { filtered: boolean; reading: boolean; onClear: () => void }) {
  const { data } = useStore(live.catalog)
  const error = useStore(serverList).error
  if (filtered) {
    return (
      <EmptyState
        icon="server"
        title={t.servers.noMatch}
        action={<Button onClick={onClear}>{t.servers.clearFilters}</Button>}
      >
        {t.servers.noMatchHint}
      </EmptyState>
    )
  }
  if (data?.state === 'importing') return <Loading />
  if (reading && data?.state === 'ready' && !error) return <Loading />
  return (
    <EmptyState icon="server" title={t.servers.empty}>
      {error?.code === 'NOT_CONFIGURED' ? t.servers.notConfigured : t.servers.emptyHint}
    </EmptyState>
  )
}
