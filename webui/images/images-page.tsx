// Images: every AMI that a run has made.
import { useMemo, useState } from 'preact/hooks'
import type { RunView } from '../contract.ts'
import { moment } from '../format.ts'
import { live, loadRuns } from '../live.ts'
import { t } from '../locale/en.ts'
import { h } from '../locale/en-dashboard.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { copyText } from '../ui/copy.tsx'
import { Field, Select } from '../ui/field.tsx'
import { PageHead, PageWithout } from '../ui/layout-parts.tsx'
import { EmptyState } from '../ui/messages.tsx'
import { State } from '../ui/state.tsx'
import { type Column, Table } from '../ui/table.tsx'

const words = h.images

export function ImagesPage() {
  const { data, error } = useStore(live.runs)
  const [search, setSearch] = useState('')
  const [show, setShow] = useState<'kept' | 'all'>('kept')
  const images = useMemo(
    () => (data ?? []).filter(run => run.imageId !== undefined && run.state === 'succeeded'),
    [data],
  )
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase()
    return images.filter(
      run =>
        (show === 'all' || run.imageRemovedAt === undefined) &&
        `${run.serverName} ${run.imageId}`.toLowerCase().includes(wanted),
    )
  }, [images, search, show])
  if (!data) return <PageWithout title={words.title} error={error} onRetry={() => void loadRuns()} />
  return (
    <>
      <PageHead title={words.title}>{words.note}</PageHead>
      <div class="toolbar">
        <Field class="search" type="search" label={words.search} value={search} onInput={setSearch} />
        <Select
          label={words.show}
          value={show}
          onInput={setShow}
          options={[
            { value: 'kept', label: words.onlyKept },
            { value: 'all', label: words.all },
          ]}
        />
      </div>
      <Table<RunView>
        label={words.title}
        rows={rows}
        rowKey={run => run.id}
        columns={columns}
        empty={
          images.length === 0 ? (
            <EmptyState icon="image" title={words.empty} action={<Button href="/servers">{h.begin}</Button>}>
              {words.emptyHint}
            </EmptyState>
          ) : (
            <EmptyState icon="image" title={t.servers.noMatch}>
              {t.servers.noMatchHint}
            </EmptyState>
          )
        }
      />
      <div class="hint" role="status">
        {words.shown(rows.length)}
      </div>
    </>
  )
}

const columns: Column<RunView>[] = [
  {
    id: 'image',
    title: words.columns.image,
    width: 'clamp(200px, 16vw, 230px)',
    cell: run => (
      <span class="copyable">
        <code>{run.imageId}</code>
        <Button
          kind="plain"
          icon="copy"
          label={words.copyId(run.imageId ?? '')}
          onClick={() => void copyText(run.imageId ?? '')}
        />
      </span>
    ),
  },
  { id: 'server', title: words.columns.server, cell: run => <a href={`/runs/${run.id}`}>{run.serverName}</a> },
  {
    id: 'made',
    title: words.columns.made,
    width: '210px',
    wideOnly: true,
    cell: run => moment(run.endedAt ?? run.createdAt),
  },
  {
    id: 'snapshots',
    title: words.columns.snapshots,
    wideOnly: true,
    cell: run => <code>{run.imageSnapshotIds.join(' ')}</code>,
  },
  {
    id: 'state',
    title: words.columns.state,
    width: 'clamp(70px, 12vw, 190px)',
    cell: run =>
      run.imageRemovedAt === undefined ? (
        <State kind="success" word={words.kept} />
      ) : (
        <State kind="stopped" word={words.removed} />
      ),
  },
  {
    id: 'run',
    title: words.columns.run,
    width: '70px',
    wideOnly: true,
    cell: run => (
      <a href={`/runs/${run.id}`} aria-label={`${words.toRun} ${run.imageId}`}>
        {words.toRun}
      </a>
    ),
  },
]
