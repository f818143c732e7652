// A dense table that draws only the rows in sight, whatever their number; with sorting and selection.
import { Component, type ComponentChildren } from 'preact'
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { t } from '../locale/en.ts'
import { Button } from './button.tsx'
import { rowsInSight } from './rows-in-sight.ts'

export interface Column<Row> {
  id: string
  title: string
  cell: (row: Row) => ComponentChildren
  /** Of the column, as CSS has it; the rest is shared by those without. */
  width?: string
  /** Numbers stand at the end. */
  end?: boolean
  /** Only where there is room. */
  wideOnly?: boolean
  sortable?: boolean
}

export interface Sorting {
  column: string
  descending: boolean
}

export interface TableProps<Row> {
  label: string
  rows: readonly Row[]
  rowKey: (row: Row) => string
  /** What the row is called, for its tick box. */
  rowName?: (row: Row) => string
  columns: readonly Column<Row>[]
  sorting?: Sorting
  onSort?: (sorting: Sorting) => void
  selected?: ReadonlySet<string>
  onSelect?: (selected: ReadonlySet<string>) => void
  /** The row whose details are open. */
  current?: string | undefined
  empty?: ComponentChildren
}

/** Pixels; the CSS variable --row says the same. */
export const rowHeight = 36

export function Table<Row>(props: TableProps<Row>) {
  const { rows, rowKey, columns, selected, onSelect, sorting, onSort } = props
  const frame = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ top: 0, height: 800 })
  useLayoutEffect(() => {
    const element = frame.current
    if (!element) return
    const look = () =>
      setView(old => {
        // Scrolled by less than a row's height: the rows that are drawn are enough.
        const top = Math.floor(element.scrollTop / rowHeight) * rowHeight
        const height = element.clientHeight
        return old.top === top && old.height === height ? old : { top, height }
      })
    look()
    const sizes = new ResizeObserver(look)
    sizes.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => {
      sizes.disconnect()
      element.removeEventListener('scroll', look)
    }
  }, [])
  const { first, last } = rowsInSight({ count: rows.length, rowHeight, ...view })
  const picked = selected ?? new Set<string>()
  const allPicked = rows.length > 0 && selected !== undefined && rows.every(row => picked.has(rowKey(row)))
  const pickAll = () => {
    const next = new Set(picked)
    for (const row of rows) allPicked ? next.delete(rowKey(row)) : next.add(rowKey(row))
    onSelect?.(next)
  }
  const pick = (key: string) => {
    const next = new Set(picked)
    if (!next.delete(key)) next.add(key)
    onSelect?.(next)
  }
  const latestPick = useRef(pick)
  latestPick.current = pick
  // The same for ever, so that rows need not be drawn again for it.
  const onPick = useCallback((key: string) => latestPick.current(key), [])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="table-frame" ref={frame} tabIndex={0} aria-label={props.label}>
      <table class="table virtual" aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {onSelect && (
              <th scope="col" class="tick">
                <input
                  type="checkbox"
                  aria-label={t.table.selectAll(rows.length)}
                  checked={allPicked}
                  indeterminate={!allPicked && picked.size > 0}
                  disabled={rows.length === 0}
                  onInput={pickAll}
                />
              </th>
            )}
            {columns.map(column => (
              <Head key={column.id} column={column} sorting={sorting} onSort={onSort} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer rows={first} />
          {rows.slice(first, last).map((row, offset) => {
            const key = rowKey(row)
            return (
              <TableRow<Row>
                key={key}
                row={row}
                index={first + offset + 2}
                columns={columns}
                picked={picked.has(key)}
                current={key === props.current}
                onPick={onSelect ? onPick : undefined}
                name={props.rowName?.(row) ?? key}
                id={key}
              />
            )
          })}
          <Spacer rows={rows.length - last} />
        </tbody>
      </table>
      {rows.length === 0 && props.empty}
    </section>
  )
}

interface HeadProps<Row> {
  column: Column<Row>
  sorting: Sorting | undefined
  onSort: ((sorting: Sorting) => void) | undefined
}

function Head<Row>({ column, sorting, onSort }: HeadProps<Row>) {
  const sorted = sorting?.column === column.id
  const order = sorted ? (sorting.descending ? 'descending' : 'ascending') : undefined
  return (
    <th
      scope="col"
      class={classesOf(column)}
      aria-sort={order}
      // Of the first row: what is hidden there takes no room below.
      style={column.width === undefined ? undefined : { width: column.width }}
    >
      {column.sortable && onSort ? (
        <Button
          kind="plain"
          onClick={() => onSort({ column: column.id, descending: sorted ? !sorting.descending : false })}
          {...(sorted ? { icon: sorting.descending ? ('down' as const) : ('up' as const) } : {})}
        >
          {column.title}
        </Button>
      ) : (
        column.title
      )}
    </th>
  )
}

interface TableRowProps<Row> {
  id: string
  row: Row
  index: number
  columns: readonly Column<Row>[]
  picked: boolean
  current: boolean
  name: string
  onPick: ((id: string) => void) | undefined
}

/** Drawn again only when something of it has changed: while scrolling most rows stay as they are. */
class TableRow<Row> extends Component<TableRowProps<Row>> {
  override shouldComponentUpdate(next: TableRowProps<Row>): boolean {
    return (Object.keys(next) as (keyof TableRowProps<Row>)[]).some(name => next[name] !== this.props[name])
  }

  override render({ id, row, index, columns, picked, current, name, onPick }: TableRowProps<Row>) {
    return (
      <tr
        aria-rowindex={index}
        aria-selected={onPick ? picked : undefined}
        class={picked || current ? 'picked' : undefined}
      >
        {onPick && (
          <td class="tick">
            <input type="checkbox" aria-label={t.table.select(name)} checked={picked} onInput={() => onPick(id)} />
          </td>
        )}
        {columns.map((column, at) => (
          <Cell key={column.id} column={column} row={row} first={at === 0} />
        ))}
      </tr>
    )
  }
}

function Cell<Row>({ column, row, first }: { column: Column<Row>; row: Row; first: boolean }) {
  const classes = `cut ${classesOf(column) ?? ''}`
  return first ? (
    <th scope="row" class={classes}>
      {column.cell(row)}
    </th>
  ) : (
    <td class={classes}>{column.cell(row)}</td>
  )
}

/** Stands for the rows out of sight. One cell: a span over columns that are hidden would bring them back. */
function Spacer({ rows }: { rows: number }) {
  if (rows <= 0) return null
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr class="spacer" aria-hidden="true">
      <td style={{ height: `${rows * rowHeight}px` }} />
    </tr>
  )
}

function classesOf<Row>({ end, wideOnly }: Column<Row>): string | undefined {
  return [end && 'end', wideOnly && 'wide-only'].filter(Boolean).join(' ') || undefined
}
