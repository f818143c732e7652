// Which rows of a long table have to be drawn. Pure.

/** Drawn beyond each edge, so that a flick of the wheel shows rows and not a gap. */
const beyond = 6

/** Rows `first` (included) to `last` (excluded) of a view that is scrolled to `top`, pixels. */
export function rowsInSight(view: { count: number; rowHeight: number; top: number; height: number }): {
  first: number
  last: number
} {
  const { count, rowHeight, top, height } = view
  const first = Math.max(0, Math.min(count, Math.floor(top / rowHeight)) - beyond)
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + beyond)
  return { first: Math.min(first, last), last }
}
