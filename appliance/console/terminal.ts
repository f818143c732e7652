// A terminal in raw mode: keys come out of it one by one, frames go into it.
import { StringDecoder } from 'node:string_decoder'
import { type Frame, Painter, type Size, smallest } from './frame.ts'
import { type Key, KeyDecoder } from './keys.ts'

export interface Terminal {
  readonly size: Size
  /** Undefined when there was none for so long, or when the screen's size has changed. Rejects when the terminal is gone. */
  nextKey(waitMs: number): Promise<Key | undefined>
  /** What was typed while nobody asked is forgotten. */
  dropKeys(): void
  show(frame: Frame): void
  /** The next frame is sent whole. */
  repaint(): void
  /** Text as it is, for whoever records the line; resolves when it may go on. */
  send(text: string): Promise<void>
}

export interface TerminalInput {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  on(event: 'end' | 'close' | 'error', listener: () => void): unknown
  setRawMode?(raw: boolean): unknown
}

export interface TerminalOutput {
  columns?: number
  rows?: number
  write(text: string): boolean
  once(event: 'drain', listener: () => void): unknown
  off(event: 'drain', listener: () => void): unknown
  on(event: 'resize', listener: () => void): unknown
}

/** What follows an escape within this time belongs to it; at 300 baud a sequence would be torn, at 1200 it is not. Milliseconds. */
const escapeMs = 80
/** Who holds a key down while nobody asks for keys has no use for all of them. */
const maxWaitingKeys = 256
/** A line that takes nothing for so long is held up by its other side, or nobody is there. Milliseconds. */
const stalledMs = 30_000

/** @throws never; `nextKey` rejects once the terminal is gone */
export function openTerminal(input: TerminalInput, output: TerminalOutput): Terminal & { close(): void } {
  const painter = new Painter()
  const decoder = new KeyDecoder()
  const characters = new StringDecoder('utf8')
  let keys: Key[] = []
  let gone: Error | undefined
  let resized = false
  let wake: (() => void) | undefined
  let undecided: NodeJS.Timeout | undefined

  const add = (more: readonly Key[]) => {
    keys = [...keys, ...more].slice(0, maxWaitingKeys)
    if (more.length > 0) wake?.()
  }
  input.setRawMode?.(true)
  input.on('data', chunk => {
    clearTimeout(undecided)
    add(decoder.push(characters.write(chunk)))
    if (decoder.undecided) undecided = setTimeout(() => add(decoder.flush()), escapeMs)
  })
  for (const event of ['end', 'close', 'error'] as const)
    input.on(event, () => {
      gone ??= new Error('The terminal is gone')
      wake?.()
    })
  output.on('resize', () => {
    painter.forget()
    resized = true
    wake?.()
  })
  return {
    get size() {
      // A serial line has none, and says 0.
      const { columns, rows } = output
      return columns && rows ? { columns, rows } : smallest
    },
    async nextKey(waitMs) {
      if (keys.length === 0 && !gone && !resized) {
        const { promise, resolve } = Promise.withResolvers<void>()
        const late = setTimeout(resolve, waitMs)
        wake = resolve
        await promise
        clearTimeout(late)
        wake = undefined
      }
      if (gone) throw gone
      resized = false
      const key = keys.shift()
      if (key?.name === 'redraw') painter.forget()
      return key
    },
    dropKeys() {
      keys = []
    },
    show(frame) {
      const text = painter.paint(frame, this.size)
      if (text !== '') output.write(text)
    },
    repaint: () => painter.forget(),
    async send(text) {
      painter.forget()
      if (output.write(text)) return
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const late = setTimeout(() => reject(new Error('The line takes nothing any more')), stalledMs)
      output.once('drain', resolve)
      try {
        await promise
      } finally {
        clearTimeout(late)
        output.off('drain', resolve)
      }
    },
    close() {
      clearTimeout(undecided)
      input.setRawMode?.(false)
      output.write('\x1b[0m\x1b[?25h\r\n')
    },
  }
}
