// First step of the create-job wizard: which servers, and which of them cannot take part.
import { useCallback, useMemo, useState } from 'preact/hooks'
import { bytes } from '../format.ts'
import { live } from '../live.ts'
import { t } from '../locale/en.ts'
import { chosenServers } from '../servers/chosen.ts'
import { serverList } from '../servers/server-list.ts'
import { filterRows, noFilter, type ServerRow } from '../servers/server-rows.ts'
import { ReadinessState } from '../servers/servers-page.tsx'
import { useStore } from '../store.ts'
import { Field } from '../ui/field.tsx'
import { State } from '../ui/state.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { reasonAgainst, type SortedOut } from './sort-out.ts'

/** Beyond these only their number is told. */
const leftOutShown = 20

const columnsFor = (against: (row: ServerRow) => string | undefined): Column<ServerRow>[] => [
  { id: 'name', title: t.servers.columns.name, cell: row => row.name },
  {
    id: 'readiness',
    title: t.servers.columns.readiness,
    width: '150px',
    cell: row => <Fitness row={row} against={against(row)} />,
  },
  {
    id: 'whyNot',
    title: t.create.whyNot,
    wideOnly: true,
    cell: row => {
      const why = against(row)
      return why && <span title={why}>{why}</span>
    },
  },
  {
    id: 'size',
    title: t.servers.columns.size,
    width: '92px',
    end: true,
    wideOnly: true,
    cell: row => bytes(row.sizeBytes),
  },
]
const none = new Set<string>()
const namesShown = 5

function firstNames(rows: readonly ServerRow[]): string {
  const names = rows.slice(0, namesShown).map(row => row.name)
  return [...names, ...(rows.length > namesShown ? [t.create.words.andMore(rows.length - namesShown)] : [])].join(', ')
}

/** A narrow window has no column for the reason: a server that is fit and cannot be chosen has a job. */
function Fitness({ row, against }: { row: ServerRow; against: string | undefined }) {
  if (against !== t.create.hasJob) return <ReadinessState of={row.readiness} />
  return <State kind="stopped" word={t.create.hasJobShort} />
}

export function ServersStep({ sorted, error }: { sorted: SortedOut; error: string | undefined }) {
  const [search, setSearch] = useState('')
  const { rows } = useStore(serverList)
  const jobs = useStore(live.jobs).data
  const against = useMemo(() => reasonAgainst(jobs ?? []), [jobs])
  const columns = useMemo(() => columnsFor(against), [against])
  const locked = useCallback((row: ServerRow) => against(row) !== undefined, [against])
  const chosen = useStore(chosenServers)
  const found = useMemo(() => filterRows(rows, { ...noFilter, search }, none), [rows, search])
  return (
    <>
      <p class="muted">{t.create.serversHint}</p>
      <Field
        type="search"
        label={t.servers.searchLabel}
        value={search}
        onInput={setSearch}
        error={error}
        hint={t.create.chosen(sorted.usable.length, firstNames(sorted.usable))}
      />
      <div class="short">
        <Table<ServerRow>
          label={t.servers.title}
          rows={found}
          rowKey={row => row.id}
          rowName={row => row.name}
          columns={columns}
          locked={locked}
          selected={chosen}
          onSelect={next => chosenServers.set(next)}
        />
      </div>
      {sorted.leftOut.length > 0 && (
        <section class="stack">
          <p>{t.create.refused(sorted.leftOut.length)}</p>
          <ul>
            {sorted.leftOut.slice(0, leftOutShown).map(({ row, why }) => (
              <li key={row.id}>
                <strong>{row.name}</strong>: {why}
              </li>
            ))}
            {sorted.leftOut.length > leftOutShown && (
              <li>{t.create.words.andMore(sorted.leftOut.length - leftOutShown)}</li>
            )}
          </ul>
        </section>
      )}
    </>
  )
}
