// What all screens are made of: menus, forms, questions, texts to page through, and work that is waited for.
import { toApplianceError } from '../errors.ts'
import { drawForm, type FormSpec, formKey, openForm, type Values } from './form.ts'
import { bodyRows, frameOf, type Line, paragraph, widthOf } from './frame.ts'
import type { Key } from './keys.ts'
import type { Terminal } from './terminal.ts'

/** Nobody has pressed a key for so long that the screen goes back to the first one. */
export class LeftAlone extends Error {
  override readonly name = 'LeftAlone'
}

export interface Choice<T> {
  /** Pressed, it is chosen at once. */
  key: string
  label: string
  value: T
}

export interface DialogOptions {
  terminal: Terminal
  /** A clock that never goes back, milliseconds. */
  nowMs: () => number
  /** Milliseconds. */
  idleMs: number
}

/** How often what is waited for says how long it has taken, milliseconds. */
const tickMs = 1000

export class Dialog {
  readonly terminal: Terminal
  readonly #nowMs: () => number
  readonly #idleMs: number
  #lastKeyMs: number
  /** When the screen goes back to the first one. */
  #leaveMs: number

  constructor({ terminal, nowMs, idleMs }: DialogOptions) {
    this.terminal = terminal
    this.#nowMs = nowMs
    this.#idleMs = idleMs
    this.#lastKeyMs = nowMs()
    this.#leaveMs = this.#lastKeyMs + idleMs
  }

  /** Since a key was pressed, or the console began. Milliseconds. */
  get untouchedMs(): number {
    return this.#nowMs() - this.#lastKeyMs
  }

  /**
   * Waits no longer than is given; a screen that nothing changes waits as long as it may stand.
   * Undefined: look at the screen again. @throws {LeftAlone}
   */
  async key(waitMs = Number.POSITIVE_INFINITY): Promise<Key | undefined> {
    const key = await this.terminal.nextKey(Math.max(0, Math.min(waitMs, this.#leaveMs - this.#nowMs())))
    if (key) this.#touched()
    else if (this.#nowMs() >= this.#leaveMs) {
      this.#leaveMs = this.#nowMs() + this.#idleMs
      throw new LeftAlone()
    }
    return key
  }

  #touched(): void {
    this.#lastKeyMs = this.#nowMs()
    this.#leaveMs = this.#lastKeyMs + this.#idleMs
  }

  /** Undefined: the admin went back. */
  async menu<T>(title: string, text: readonly string[], choices: readonly Choice<T>[]): Promise<T | undefined> {
    let at = 0
    for (;;) {
      const { size } = this.terminal
      const body: Line[] = [...text.flatMap(each => [...paragraph(each, size), '']), ...menuLines(choices, at)]
      this.terminal.show(frameOf({ title, body, help: 'Number or arrows and Enter: choose   Esc: back' }, size))
      const key = await this.key()
      if (key?.name === 'escape') return undefined
      if (key?.name === 'enter') return choices[at]?.value
      if (key?.name === 'up') at = Math.max(0, at - 1)
      if (key?.name === 'down') at = Math.min(choices.length - 1, at + 1)
      if (key?.name !== 'character') continue
      const chosen = choices.find(choice => choice.key === key.character)
      if (chosen) return chosen.value
    }
  }

  /** The values of the fields that were shown; undefined: the admin went back. */
  async form(title: string, text: readonly string[], spec: FormSpec): Promise<Values | undefined> {
    let form = openForm(spec)
    for (;;) {
      const { size } = this.terminal
      const above = text.flatMap(each => [...paragraph(each, size), ''])
      const drawn = drawForm(form, widthOf(size))
      const cursor = drawn.cursor && { ...drawn.cursor, row: drawn.cursor.row + above.length }
      const help = 'Up/Down: field  Left/Right: choose  Enter: next  Esc: back, nothing is changed'
      this.terminal.show(
        frameOf({ title, body: [...above, ...drawn.lines], help, ...(cursor ? { cursor } : {}) }, size),
      )
      const key = await this.key()
      if (!key) continue
      const step = formKey(form, key)
      form = step.form
      if (step.done === 'left') return undefined
      if (step.done === 'submitted') return form.values
    }
  }

  /** Only `y` says yes: a key that was pressed once too often changes nothing. */
  async confirm(title: string, text: readonly string[], question = 'Apply?'): Promise<boolean> {
    for (;;) {
      const { size } = this.terminal
      const lines = text.flatMap(line => (line.length < widthOf(size) ? [line] : paragraph(line, size)))
      const body: Line[] = [...lines, '', [{ text: ` ${question} (y/n)`, style: 'bold' }]]
      this.terminal.show(frameOf({ title, body, help: 'y: yes   n, Esc: no, nothing is changed' }, size))
      const key = await this.key()
      if (key?.name === 'escape') return false
      if (key?.name !== 'character') continue
      if (/^y$/i.test(key.character)) return true
      if (/^n$/i.test(key.character)) return false
    }
  }

  /** A text to read, of any length. */
  async read(title: string, lines: readonly Line[], from: 'top' | 'end' = 'top'): Promise<void> {
    let top = from === 'end' ? lines.length : 0
    for (;;) {
      const { size } = this.terminal
      const rows = bodyRows(size)
      const last = Math.max(0, lines.length - rows)
      top = Math.min(Math.max(0, top), last)
      const shown = Math.min(lines.length, top + rows)
      const help =
        last === 0
          ? 'Enter, Esc: back'
          : `Lines ${top + 1}-${shown} of ${lines.length}   Arrows, PgUp/PgDn, Home/End: move   Enter, Esc: back`
      this.terminal.show(frameOf({ title, body: lines.slice(top, top + rows), help }, size))
      const key = await this.key()
      if (key?.name === 'escape' || key?.name === 'enter') return
      top += moves(key, rows, lines.length)
    }
  }

  /** Sentences, and a key to go on. */
  async tell(title: string, text: readonly string[]): Promise<void> {
    const { size } = this.terminal
    await this.read(
      title,
      text.flatMap(each => [...paragraph(each, size), '']),
    )
  }

  /** An error as the admin reads it: what is wrong, and what to do. */
  async fail(title: string, thrown: unknown): Promise<void> {
    const { message, hint, code } = toApplianceError(thrown)
    await this.tell(
      title,
      ['This did not work.', message, hint, `(${code})`].filter(each => each !== ''),
    )
  }

  /** Waits for work; keys pressed meanwhile are no answer to anything. Rejects as the work does. */
  async work<T>(title: string, text: string, task: Promise<T>): Promise<T> {
    const startedMs = this.#nowMs()
    let ended = false
    const end = task.then(
      () => undefined,
      () => undefined, // It is told by the await below.
    )
    void end.then(() => {
      ended = true
    })
    while (!ended) {
      const { size } = this.terminal
      const seconds = Math.floor((this.#nowMs() - startedMs) / 1000)
      const time = seconds < 2 ? '' : ` ${seconds} s`
      this.terminal.show(frameOf({ title, body: paragraph(`${text}...${time}`, size), help: 'Please wait' }, size))
      await Promise.race([end, pause(tickMs)])
    }
    this.terminal.dropKeys()
    this.#touched()
    return await task
  }
}

export function menuLines<T>(choices: readonly Choice<T>[], at: number): Line[] {
  return choices.map(({ key, label }, index) => {
    const text = ` ${key}  ${label} `
    return [' ', index === at ? { text, style: 'reverse' } : text]
  })
}

function moves(key: Key | undefined, rows: number, lines: number): number {
  switch (key?.name) {
    case 'up':
      return -1
    case 'down':
      return 1
    case 'pageUp':
      return -rows
    case 'pageDown':
      return rows
    case 'home':
      return -lines
    case 'end':
      return lines
    case 'character':
      return key.character === ' ' ? rows : 0
    default:
      return 0
  }
}

async function pause(ms: number): Promise<void> {
  await new Promise(resolve => setTimeout(resolve, ms).unref())
}
