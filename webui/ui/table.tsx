// A dense table that draws only the rows in sight, whatever their number; with sorting and selection.
import { Component, type ComponentChildren } from 'preact'
import { useCallback, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { t } from '../locale/en.ts'
import { Button } from './button.tsx'
import { takeSlots } from './row-slots.ts'
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
  /** Rows that cannot be picked; one that is picked already can be let go. */
  locked?: (row: Row) => boolean
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
  const shown = rows.slice(first, last)
  const slots = useSlots(shown.map(rowKey), frame)
  const picked = selected ?? nothing
  const { locked } = props
  const free = useMemo(() => (locked ? rows.filter(row => !locked(row)) : rows), [rows, locked])
  // Not with every scroll: of ten thousand picked rows each would be looked at.
  const allPicked = useMemo(
    () => free.length > 0 && picked.size > 0 && free.every(row => picked.has(rowKey(row))),
    [free, picked, rowKey],
  )
  const cells = useMemo(() => columns.map(column => ({ column, classes: classesOf(column) })), [columns])
  const pickAll = () => {
    const next = new Set(picked)
    for (const row of free) allPicked ? next.delete(rowKey(row)) : next.add(rowKey(row))
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
      {/* As high as all rows, whatever is being drawn: the browser cannot cut short where one has scrolled to. */}
      <div style={{ height: `${(rows.length + 1) * rowHeight}px` }}>
        <table class="table virtual" aria-rowcount={rows.length + 1}>
          <thead>
            <tr aria-rowindex={1}>
              {onSelect && (
                <th scope="col" class="tick">
                  <input
                    type="checkbox"
                    aria-label={t.table.selectAll(free.length)}
                    checked={allPicked}
                    indeterminate={!allPicked && picked.size > 0}
                    disabled={free.length === 0}
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
            {shown.map((row, offset) => {
              const key = rowKey(row)
              const slot = slots.get(key) ?? 0
              return (
                <TableRow<Row>
                  key={slot}
                  slot={slot}
                  row={row}
                  index={first + offset + 2}
                  cells={cells}
                  picked={picked.has(key)}
                  locked={locked?.(row) === true && !picked.has(key)}
                  current={key === props.current}
                  onPick={onSelect ? onPick : undefined}
                  name={props.rowName?.(row) ?? key}
                  id={key}
                />
              )
            })}
          </tbody>
        </table>
      </div>
      {rows.length === 0 && props.empty}
    </section>
  )
}

const nothing: ReadonlySet<string> = new Set()

/** Which element shows which row: they are used again, but never the one with the focus. */
function useSlots(keys: readonly string[], frame: { current: HTMLElement | null }): ReadonlyMap<string, number> {
  const slots = useRef<ReadonlyMap<string, number>>(new Map())
  const focused = frame.current?.contains(document.activeElement)
    ? document.activeElement?.closest<HTMLElement>('[data-slot]')?.dataset.slot
    : undefined
  const held = focused === undefined ? undefined : Number(focused)
  slots.current = takeSlots(slots.current, keys, held)
  const lost = held !== undefined && ![...slots.current.values()].includes(held)
  useLayoutEffect(() => {
    // The keys that scroll, and the next Tab, go on from the table, not from the top of the page.
    if (lost) frame.current?.focus({ preventScroll: true })
  }, [lost, frame])
  return slots.current
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
      class={placeOf(column)}
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

interface TableCell<Row> {
  column: Column<Row>
  classes: string
}

interface TableRowProps<Row> {
  id: string
  slot: number
  row: Row
  index: number
  cells: readonly TableCell<Row>[]
  picked: boolean
  locked: boolean
  current: boolean
  name: string
  onPick: ((id: string) => void) | undefined
}

/** Drawn again only when something of it has changed: while scrolling most rows stay as they are. */
class TableRow<Row> extends Component<TableRowProps<Row>> {
  override shouldComponentUpdate(next: TableRowProps<Row>): boolean {
    const { props } = this
    return (
      next.row !== props.row ||
      next.index !== props.index ||
      next.picked !== props.picked ||
      next.locked !== props.locked ||
      next.current !== props.current ||
      next.cells !== props.cells ||
      next.onPick !== props.onPick
    )
  }

  /** Of the row that is shown now: the same function for every drawing. */
  pick = () => this.props.onPick?.(this.props.id)

  override render({ slot, row, index, cells, picked, locked, current, name, onPick }: TableRowProps<Row>) {
    return (
      <tr
        data-slot={slot}
        aria-rowindex={index}
        aria-selected={onPick ? picked : undefined}
        class={picked || current ? 'picked' : undefined}
      >
        {onPick && (
          <td class="tick">
            <input
              type="checkbox"
              aria-label={t.table.select(name)}
              checked={picked}
              disabled={locked}
              onInput={this.pick}
            />
          </td>
        )}
        {cells.map(({ column, classes }, at) =>
          at === 0 ? (
            <th key={column.id} scope="row" class={classes}>
              {column.cell(row)}
            </th>
          ) : (
            <td key={column.id} class={classes}>
              {column.cell(row)}
            </td>
          ),
        )}
      </tr>
    )
  }
}

/** Stands for the rows above those in sight. One cell: a span over columns that are hidden would bring them back. */
function Spacer({ rows }: { rows: number }) {
  if (rows <= 0) return null
  return (
    // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a row takes no focus
    <tr class="spacer" aria-hidden="true">
      <td style={{ height: `${rows * rowHeight}px` }} />
    </tr>
  )
}

function placeOf<Row>({ end, wideOnly }: Column<Row>): string | undefined {
  return [end && 'end', wideOnly && 'wide-only'].filter(Boolean).join(' ') || undefined
}

function classesOf<Row>(column: Column<Row>): string {
  return ['cut', placeOf(column)].filter(Boolean).join(' ')
}
