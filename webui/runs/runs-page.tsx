// Runs: what goes on and what went before, live.
import { useMemo, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { JobView, RunView } from '../contract.ts'
import { bytes, duration, moment, rate, secondsBetween } from '../format.ts'
import { useAction, useResource, useTick } from '../hooks.ts'
import { type LiveRun, live, loadRuns } from '../live.ts'
import { t } from '../locale/en.ts'
import { usePlace } from '../router.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Field, Select } from '../ui/field.tsx'
import { PageHead, PageWithout } from '../ui/layout-parts.tsx'
import { EmptyState, Problem } from '../ui/messages.tsx'
import { Progress } from '../ui/progress.tsx'
import { State } from '../ui/state.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { isActive, startingJobs, totals, waitsFor } from './run-progress.ts'
import { RunState } from './run-state.tsx'

type Shown = '' | 'active' | 'succeeded' | 'failed' | 'cancelled' | 'missed'

export function RunsPage() {
  const { query } = usePlace()
  const jobId = query.get('job') ?? undefined
  return jobId === undefined ? <AllRuns /> : <RunsOfJob key={jobId} jobId={jobId} />
}

function AllRuns() {
  const { data, error } = useStore(live.runs)
  if (!data) return <PageWithout title={t.runs.title} error={error} onRetry={() => void loadRuns()} />
  return <RunList title={t.runs.title} newest={data} />
}

/** Its history is read for it alone: among all runs the newest of it may be far down. */
function RunsOfJob({ jobId }: { jobId: string }) {
  const own = useResource(signal => api.runs({ jobId, limit: 500 }, signal), [jobId])
  const all = useStore(live.runs).data
  const newest = useMemo(() => {
    const merged = new Map(own.data?.items.map(run => [run.id, run]))
    for (const run of all ?? []) if (run.jobId === jobId) merged.set(run.id, run)
    return [...merged.values()].sort((a, b) => b.createdAt.localeCompare(a.createdAt))
  }, [own.data, all, jobId])
  if (!own.data) return <PageWithout title={t.runs.title} error={own.error} onRetry={own.reload} />
  const name = newest[0]?.serverName
  return <RunList title={name === undefined ? t.runs.title : t.runs.ofJob(name)} newest={newest} jobId={jobId} />
}

function RunList({ title, newest, jobId }: { title: string; newest: readonly RunView[]; jobId?: string }) {
  const [search, setSearch] = useState('')
  const [state, setState] = useState<Shown>('')
  const [older, setOlder] = useState<RunView[]>([])
  const [next, setNext] = useState<string | null>()
  const { busy, error, run } = useAction()
  const rows = useMemo(() => {
    const known = new Set(newest.map(({ id }) => id))
    return [...newest, ...older.filter(({ id }) => !known.has(id))].filter(
      one =>
        one.serverName.toLowerCase().includes(search.trim().toLowerCase()) &&
        (state === '' || (state === 'active' ? isActive(one) : one.state === state)),
    )
  }, [newest, older, search, state])
  const loadOlder = () =>
    run(async () => {
      // Pages are counted from the newest: the first of them is there already.
      const after = next ?? (await api.runs({ limit: 500, ...(jobId === undefined ? {} : { jobId }) })).next
      if (after === undefined) return setNext(null)
      const page = await api.runs({ limit: 500, after, ...(jobId === undefined ? {} : { jobId }) })
      setOlder([...older, ...page.items])
      setNext(page.next ?? null)
    })
  const starting = useStarting(jobId)
  const filtered = search !== '' || state !== ''
  return (
    <>
      <PageHead title={title} {...(jobId === undefined ? {} : { crumb: { href: '/runs', label: t.runs.allRuns } })} />
      <div class="toolbar">
        {jobId === undefined && (
          <Field class="search" type="search" label={t.runs.searchLabel} value={search} onInput={setSearch} />
        )}
        <Select<Shown>
          label={t.runs.stateLabel}
          value={state}
          onInput={setState}
          options={[
            { value: '', label: t.servers.all },
            { value: 'active', label: t.runs.active },
            ...(['succeeded', 'failed', 'cancelled', 'missed'] as const).map(value => ({
              value,
              label: t.runs.states[value],
            })),
          ]}
        />
      </div>
      {error && <Problem error={error} />}
      <Starting jobs={starting} />
      <Table<RunView>
        label={title}
        rows={rows}
        rowKey={one => one.id}
        columns={columns}
        empty={
          filtered ? (
            <EmptyState icon="run" title={t.runs.noMatch}>
              {t.servers.noMatchHint}
            </EmptyState>
          ) : starting.length > 0 ? undefined : (
            <EmptyState
              icon="run"
              title={jobId === undefined ? t.runs.empty : t.runs.emptyOfJob}
              action={<Button href="/jobs/new">{t.jobs.make}</Button>}
            >
              {t.runs.emptyHint}
            </EmptyState>
          )
        }
      />
      <div class="buttons">
        <span class="hint" role="status">
          {t.runs.shown(rows.length)}
        </span>
        {newest.length >= 500 && next !== null && (
          <Button busy={busy} onClick={() => void loadOlder()}>
            {t.runs.older}
          </Button>
        )}
      </div>
    </>
  )
}

/** Looked at again now and then: a job becomes due by itself. */
export function useStarting(jobId?: string): readonly JobView[] {
  const jobs = useStore(live.jobs).data
  const runs = useStore(live.runs).data
  useTick(2000)
  if (!jobs || !runs) return []
  return startingJobs(jobId === undefined ? jobs : jobs.filter(({ id }) => id === jobId), runs, Date.now())
}

/** Beyond these only their number is told. */
const startingShown = 5

/** Runs that appear in a moment. */
export function Starting({ jobs }: { jobs: readonly JobView[] }) {
  if (jobs.length === 0) return null
  return (
    <ul class="rows" aria-label={t.runs.startingLabel}>
      {jobs.slice(0, startingShown).map(job => (
        <li key={job.id}>
          <State kind="pending" word={t.runs.starting(job.serverName)} />
        </li>
      ))}
      {jobs.length > startingShown && <li>{t.create.words.andMore(jobs.length - startingShown)}</li>}
    </ul>
  )
}

const words = t.runs.columns

const columns: Column<RunView>[] = [
  { id: 'server', title: words.server, cell: run => <a href={`/runs/${run.id}`}>{run.serverName}</a> },
  { id: 'state', title: words.state, width: '160px', cell: run => <RunState run={run} /> },
  { id: 'progress', title: words.progress, width: '290px', wideOnly: true, cell: run => <RunLine run={run} /> },
  {
    id: 'started',
    title: words.started,
    width: '210px',
    wideOnly: true,
    cell: run => moment(run.startedAt ?? run.createdAt),
  },
  { id: 'took', title: words.took, width: '110px', end: true, wideOnly: true, cell: run => <Took run={run} /> },
  {
    id: 'image',
    title: words.image,
    width: '190px',
    wideOnly: true,
    cell: run => run.imageId && <code>{run.imageId}</code>,
  },
]

/** One line on how far it is, or why it is not. */
export function RunLine({ run }: { run: LiveRun }) {
  const held = run.setback ?? run.retrying
  if (held) return <span title={held.failure.message}>{held.failure.message}</span>
  const waiting = waitsFor(run)
  if (waiting !== undefined) return <Progress label={`${run.serverName}: ${waiting}`} words={[waiting]} />
  if (run.state === 'uploading' && run.disks.length > 0) {
    const sum = totals(run)
    const label = t.runs.read(bytes(sum.readBytes), bytes(sum.sizeBytes))
    return (
      <Progress
        label={`${run.serverName}: ${label}`}
        done={sum.readBytes}
        total={sum.sizeBytes}
        words={[
          rate(sum.bytesPerSecond),
          sum.secondsLeft === undefined ? undefined : t.runs.left(duration(sum.secondsLeft)),
        ]}
      />
    )
  }
  if (run.failure) return <span title={run.failure.message}>{run.failure.code}</span>
  if (run.state === 'converting') return <>{run.disks.find(disk => disk.importStatus)?.importStatus}</>
  if (run.state === 'creatingImage') return <>{run.imageStatus}</>
  if (run.state !== 'succeeded' || run.disks.length === 0) return null
  const sum = totals(run)
  return <>{t.runs.moved(bytes(sum.readBytes), bytes(sum.uploadedBytes))}</>
}

export function Took({ run }: { run: RunView }) {
  useTick(1000)
  if (run.startedAt === undefined) return null
  return <>{duration(secondsBetween(run.startedAt, run.endedAt))}</>
}
