// The audit log: every change, newest first.
import { useMemo, useState } from 'preact/hooks'
import { api } from '../api.ts'
import type { AuditEntry } from '../contract.ts'
import { moment } from '../format.ts'
import { useAction, useResource } from '../hooks.ts'
import { live } from '../live.ts'
import { d } from '../locale/en-support.ts'
import { useStore } from '../store.ts'
import { Button } from '../ui/button.tsx'
import { Field } from '../ui/field.tsx'
import { Facts, PageHead, PageWithout, SidePanel } from '../ui/layout-parts.tsx'
import { EmptyState, Problem } from '../ui/messages.tsx'
import { State, type StateKind } from '../ui/state.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { entryWords, routeOf } from './entry-words.ts'

const words = d.audit
const pageSize = 500
const kinds: Record<AuditEntry['outcome'], StateKind> = { done: 'success', refused: 'stopped', failed: 'error' }

type WhatOf = (entry: AuditEntry) => string
const whoOf = ({ actor }: AuditEntry): string => actor.name || words.kinds[actor.kind]

export function AuditPage() {
  const newest = useResource(signal => api.audit({ limit: pageSize }, signal))
  const [older, setOlder] = useState<{ items: AuditEntry[]; next?: string }>()
  const [search, setSearch] = useState('')
  const [openId, setOpenId] = useState<string>()
  const more = useAction()
  const jobs = useStore(live.jobs).data
  const runs = useStore(live.runs).data
  const whatOf = useMemo<WhatOf>(() => {
    const jobNames = new Map(jobs?.map(({ id, serverName }) => [id, serverName]))
    const runNames = new Map(runs?.map(({ id, serverName }) => [id, serverName]))
    return entry => entryWords(entry, { job: id => jobNames.get(id), run: id => runNames.get(id) })
  }, [jobs, runs])
  const all = useMemo(() => [...(newest.data?.items ?? []), ...(older?.items ?? [])], [newest.data, older])
  const rows = useMemo(() => {
    const wanted = search.trim().toLowerCase()
    return all.filter(entry =>
      `${whoOf(entry)} ${entry.address} ${whatOf(entry)} ${routeOf(entry)} ${entry.code ?? ''}`
        .toLowerCase()
        .includes(wanted),
    )
  }, [all, search, whatOf])
  const columns = useMemo(() => columnsFor(setOpenId, whatOf), [whatOf])
  if (!newest.data) return <PageWithout title={words.title} error={newest.error} onRetry={newest.reload} />
  const next = older ? older.next : newest.data.next
  const open = all.find(({ id }) => id === openId)
  const loadOlder = () =>
    more.run(async () => {
      if (next === undefined) return
      const page = await api.audit({ limit: pageSize, after: next })
      setOlder({ ...page, items: [...(older?.items ?? []), ...page.items] })
    })
  return (
    <>
      <PageHead title={words.title}>{words.text}</PageHead>
      <div class="toolbar">
        <Field class="search" type="search" label={words.search} value={search} onInput={setSearch} />
      </div>
      <div class="beside">
        <div>
          <Table<AuditEntry>
            label={words.title}
            rows={rows}
            rowKey={entry => entry.id}
            columns={open ? columns.filter(({ id }) => id !== 'from' && id !== 'outcome') : columns}
            current={openId}
            empty={
              <EmptyState icon="list" title={words.empty}>
                {words.emptyHint}
              </EmptyState>
            }
          />
          <div class="buttons">
            <span class="hint" role="status">
              {words.shown(rows.length)}
            </span>
            {next !== undefined && (
              <Button busy={more.busy} onClick={() => void loadOlder()}>
                {words.older}
              </Button>
            )}
          </div>
          {more.error && <Problem error={more.error} />}
        </div>
        {open && <EntryPanel key={open.id} entry={open} title={whatOf(open)} onClose={() => setOpenId(undefined)} />}
      </div>
    </>
  )
}

function columnsFor(open: (id: string) => void, whatOf: WhatOf): Column<AuditEntry>[] {
  return [
    {
      id: 'what',
      title: words.what,
      cell: entry => (
        <button type="button" class="link cut" onClick={() => open(entry.id)}>
          {whatOf(entry)}
        </button>
      ),
    },
    { id: 'who', title: words.who, width: 'clamp(120px, 20vw, 250px)', cell: whoOf },
    { id: 'at', title: words.at, width: '220px', wideOnly: true, cell: entry => moment(entry.at, { seconds: true }) },
    { id: 'from', title: words.from, width: '150px', wideOnly: true, cell: entry => entry.address },
    {
      id: 'outcome',
      title: words.outcome,
      width: '120px',
      wideOnly: true,
      cell: entry => <State kind={kinds[entry.outcome]} word={words.outcomes[entry.outcome]} />,
    },
  ]
}

function EntryPanel({ entry, title, onClose }: { entry: AuditEntry; title: string; onClose: () => void }) {
  const parts = [
    [words.request, entry.request],
    [words.before, entry.before],
    [words.after, entry.after],
  ] as const
  return (
    <SidePanel title={title} onClose={onClose}>
      <Facts
        of={[
          [
            words.outcome,
            <State
              key="outcome"
              kind={kinds[entry.outcome]}
              word={`${words.outcomes[entry.outcome]} (${entry.status} ${entry.code ?? ''})`}
            />,
          ],
          [words.at, moment(entry.at, { seconds: true })],
          [words.who, `${whoOf(entry)} (${words.kinds[entry.actor.kind]})`],
          [words.from, entry.address],
          [words.route, <code key="route">{routeOf(entry)}</code>],
          ...Object.entries(entry.target).map(([name, value]) => [name, <code key={name}>{value}</code>] as const),
        ]}
      />
      {parts.map(
        ([part, value]) =>
          value !== undefined && (
            <section key={part} class="stack">
              <h3>{part}</h3>
              <pre>{JSON.stringify(value, undefined, 2)}</pre>
            </section>
          ),
      )}
    </SidePanel>
  )
}
