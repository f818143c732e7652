// A table of few rows, all drawn, whose cells may be as high as they like.
import type { ComponentChildren } from 'preact'

export interface SimpleColumn<Row> {
  title: string
  cell: (row: Row) => ComponentChildren
  end?: boolean
  wideOnly?: boolean
  /** Holds buttons: the title is for those who cannot see them. */
  unseenTitle?: boolean
}

export function SimpleTable<Row>(props: {
  label: string
  rows: readonly Row[]
  rowKey: (row: Row) => string
  columns: readonly SimpleColumn<Row>[]
  empty?: ComponentChildren
}) {
  const { rows, columns } = props
  if (rows.length === 0 && props.empty) return <>{props.empty}</>
  const classes = (column: SimpleColumn<Row>) =>
    ['wrap', column.end && 'end', column.wideOnly && 'wide-only'].filter(Boolean).join(' ')
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <section class="table-frame" aria-label={props.label} tabIndex={0}>
      <table class="table">
        <thead>
          <tr>
            {columns.map(column => (
              <th key={column.title} scope="col" class={classes(column)}>
                {column.unseenTitle ? <span class="unseen">{column.title}</span> : column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(row => (
            <tr key={props.rowKey(row)}>
              {columns.map(column => (
                <td key={column.title} class={classes(column)}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}
