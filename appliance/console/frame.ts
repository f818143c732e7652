// What stands on the screen: lines with a little emphasis, and what has to be sent so that a terminal shows them.
import { cut, plain, wrap } from './text.ts'

export type Style = 'bold' | 'reverse'
export type Span = string | { text: string; style: Style }
/** Cut where the screen ends: who makes a line sees to it that nothing is lost. */
export type Line = string | readonly Span[]

export interface Size {
  columns: number
  rows: number
}

export interface Frame {
  lines: readonly Line[]
  /** From 0. Absent: it is hidden. */
  cursor?: { row: number; column: number }
}

export interface Page {
  title: string
  body: readonly Line[]
  /** Which keys do what. */
  help: string
  cursor?: { row: number; column: number }
}

/** What every terminal here has; a serial line does not say what is at its other end. */
export const smallest: Size = { columns: 80, rows: 24 }

/** The last column stays empty: a terminal that was written to its edge does not agree with others on what comes next. */
export function widthOf({ columns }: Size): number {
  return Math.min(columns, 100) - 1
}

/** Rows between the title and the help. */
export function bodyRows({ rows }: Size): number {
  return rows - 4
}

/** A title bar, a body, and the keys in the last row. */
export function frameOf({ title, body, help, cursor }: Page, size: Size): Frame {
  const width = widthOf(size)
  const rows = bodyRows(size)
  const shown = body.slice(0, rows)
  const empty = Array.from({ length: rows - shown.length }, () => '')
  const bar = ` ${cut(plain(title), width - 2)}`.padEnd(width)
  return {
    lines: [[{ text: bar, style: 'reverse' }], '', ...shown, ...empty, '', ` ${help}`],
    ...(cursor ? { cursor: { row: cursor.row + 2, column: cursor.column } } : {}),
  }
}

/** A text as lines of a body. */
export function paragraph(text: string, size: Size, indent = 1): string[] {
  return wrap(text, widthOf(size) - indent).map(line => `${' '.repeat(indent)}${line}`)
}

export function textOf(line: Line): string {
  if (typeof line === 'string') return line
  return line.map(span => (typeof span === 'string' ? span : span.text)).join('')
}

const reset = '\x1b[0m'
const styles: Readonly<Record<Style, string>> = { bold: '\x1b[1m', reverse: '\x1b[7m' }

/** A line as it is sent; every span is made plain here, so that no maker of lines can forget it. */
function rendered(line: Line, width: number): string {
  let left = width
  let sent = ''
  for (const span of typeof line === 'string' ? [line] : line) {
    const text = cut(plain(typeof span === 'string' ? span : span.text), left)
    left -= text.length
    sent += typeof span === 'string' ? text : `${styles[span.style]}${text}${reset}`
  }
  return sent
}

/** Knows what a terminal shows, and sends only what differs: nothing flickers, and a slow line is not busy. */
export class Painter {
  #shown: string[] = []
  #cursor = ''
  #known = false

  /** What the terminal shows is not known any more: the next frame is sent whole. */
  forget(): void {
    this.#known = false
  }

  paint({ lines, cursor }: Frame, size: Size): string {
    // All attributes off, ASCII in G0, no insert mode, autowrap as it was; and an empty screen.
    let sent = this.#known ? '' : '\x1b[0m\x1b(B\x0f\x1b[4l\x1b[r\x1b[H\x1b[2J'
    if (!this.#known) this.#shown = []
    const width = widthOf(size)
    let moved = !this.#known
    for (let row = 0; row < size.rows; row++) {
      const line = rendered(lines[row] ?? '', width)
      if (line === (this.#shown[row] ?? '')) continue
      sent += `\x1b[${row + 1};1H${line}\x1b[K`
      this.#shown[row] = line
      moved = true
    }
    const place = cursor ? `\x1b[${cursor.row + 1};${cursor.column + 1}H\x1b[?25h` : '\x1b[?25l'
    if (moved || place !== this.#cursor) sent += place
    this.#cursor = place
    this.#known = true
    return sent
  }
}
