// Jobs: what is replicated, when next, how the last run went; start, pause, edit, delete.
import { useMemo, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { JobView, RunView } from '../contract.ts'
import { moment } from '../format.ts'
import { live, loadJobs, noteJob } from '../live.ts'
import { t } from '../locale/en.ts'
import { go, usePlace } from '../router.ts'
import { RunState } from '../runs/run-state.tsx'
import { useMay } from '../session.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Field, Select } from '../ui/field.tsx'
import { PageHead, PageWithout } from '../ui/layout-parts.tsx'
import { EmptyState, toast } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { type Column, type Sorting, Table } from '../ui/table.tsx'
import { JobPanel } from './job-panel.tsx'
import { jobState, lastRuns } from './job-state.ts'
import { repeatWords } from './schedule-words.ts'

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

export function JobsPage() {
  const { data: jobs, error } = useStore(live.jobs)
  const runs = useStore(live.runs).data
  const { query } = usePlace()
  const [search, setSearch] = useState('')
  const [state, setState] = useState<JobView['state'] | ''>('')
  const [sorting, setSorting] = useState<Sorting>({ column: 'server', descending: false })
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set())
  const mayRun = useMay('operator')
  const lastRun = useMemo(() => lastRuns(runs ?? []), [runs])
  const rows = useMemo(() => {
    const found = (jobs ?? []).filter(
      job =>
        job.serverName.toLowerCase().includes(search.trim().toLowerCase()) && (state === '' || job.state === state),
    )
    const sign = sorting.descending ? -1 : 1
    return found.sort((a, b) => {
      const byNext = (a.nextRunAt ?? '9').localeCompare(b.nextRunAt ?? '9')
      return sign * ((sorting.column === 'next' && byNext) || collator.compare(a.serverName, b.serverName))
    })
  }, [jobs, search, state, sorting])
  const openId = query.get('job') ?? undefined
  const open = jobs?.find(({ id }) => id === openId)
  const all = useMemo(() => columnsFor(lastRun), [lastRun])
  const columns = open ? all.filter(({ id }) => id !== 'schedule' && id !== 'next') : all
  if (!jobs) return <PageWithout title={t.jobs.title} error={error} onRetry={() => void loadJobs()} />
  return (
    <>
      <PageHead
        title={t.jobs.title}
        actions={
          mayRun && (
            <Button kind="primary" href="/jobs/new">
              {t.jobs.make}
            </Button>
          )
        }
      />
      <div class="toolbar">
        <Field class="search" type="search" label={t.jobs.searchLabel} value={search} onInput={setSearch} />
        <Select
          label={t.jobs.stateLabel}
          value={state}
          onInput={setState}
          options={[
            { value: '', label: t.servers.all },
            ...(['active', 'paused', 'ended'] as const).map(value => ({ value, label: t.jobs.states[value] })),
          ]}
        />
        <span class="space" />
        {mayRun && selected.size > 0 && (
          <BulkActions ids={[...selected].filter(id => rows.some(row => row.id === id))} />
        )}
      </div>
      <div class="beside">
        <div>
          <Table<JobView>
            label={t.jobs.title}
            rows={rows}
            rowKey={job => job.id}
            rowName={job => job.serverName}
            columns={columns}
            sorting={sorting}
            onSort={setSorting}
            {...(mayRun ? { selected, onSelect: setSelected } : {})}
            current={openId}
            empty={
              jobs.length === 0 ? (
                <EmptyState icon="job" title={t.jobs.empty} action={<Button href="/jobs/new">{t.jobs.make}</Button>}>
                  {t.jobs.emptyHint}
                </EmptyState>
              ) : (
                <EmptyState icon="job" title={t.servers.noMatch}>
                  {t.servers.noMatchHint}
                </EmptyState>
              )
            }
          />
          <div class="hint" role="status">
            {t.jobs.shown(rows.length)}
          </div>
        </div>
        {open && <JobPanel key={open.id} job={open} lastRun={lastRun.get(open.id)} onClose={() => go('/jobs')} />}
      </div>
    </>
  )
}

function columnsFor(lastRun: ReadonlyMap<string, RunView>): Column<JobView>[] {
  const words = t.jobs.columns
  return [
    {
      id: 'server',
      title: words.server,
      sortable: true,
      cell: job => <a href={`/jobs?job=${job.id}`}>{job.serverName}</a>,
    },
    {
      id: 'state',
      title: words.state,
      width: 'clamp(93px, 12vw, 130px)',
      cell: job => <JobState job={job} lastRun={lastRun.get(job.id)} />,
    },
    { id: 'schedule', title: words.schedule, width: '140px', wideOnly: true, cell: job => repeatWords(job.schedule) },
    {
      id: 'next',
      title: words.next,
      width: '210px',
      sortable: true,
      wideOnly: true,
      cell: job =>
        job.nextRunAt && job.state === 'active' ? moment(job.nextRunAt) : <span class="muted">{t.jobs.noNext}</span>,
    },
    {
      id: 'last',
      title: words.last,
      width: 'clamp(115px, 12vw, 170px)',
      cell: job => {
        const run = lastRun.get(job.id)
        return run ? (
          <a href={`/runs/${run.id}`}>
            <RunState run={run} />
          </a>
        ) : (
          <span class="muted">{t.jobs.noRun}</span>
        )
      },
    },
  ]
}

/** @param long where there is room for a sentence */
export function JobState({ job, lastRun, long }: { job: JobView; lastRun: RunView | undefined; long?: boolean }) {
  return <State {...jobState(job, lastRun, long)} />
}

function BulkActions({ ids }: { ids: readonly string[] }) {
  const [busy, setBusy] = useState(false)
  const all = async (act: (id: string) => Promise<unknown>, said: (count: number) => string) => {
    setBusy(true)
    let failed = 0
    // One after the other: a thousand requests at once help nobody.
    for (const id of ids) await act(id).catch(() => failed++)
    setBusy(false)
    if (failed < ids.length) toast(said(ids.length - failed))
    if (failed > 0) toast(t.jobs.manyFailed(failed, ids.length), 'error')
  }
  return (
    <div class="buttons">
      <span>{t.servers.selected(ids.length)}</span>
      <Button busy={busy} onClick={() => void all(api.startRun, t.jobs.manyStarted)}>
        {t.jobs.start}
      </Button>
      <Button busy={busy} onClick={() => void all(async id => noteJob(await api.pauseJob(id)), t.jobs.manyPaused)}>
        {t.jobs.pause}
      </Button>
      <Button busy={busy} onClick={() => void all(async id => noteJob(await api.resumeJob(id)), t.jobs.manyResumed)}>
        {t.jobs.resume}
      </Button>
    </div>
  )
}
