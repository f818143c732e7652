// Keys out of what a terminal sends: VT100, the Linux console and xterm, which agree on what is used here.

export type KeyName =
  | 'up'
  | 'down'
  | 'left'
  | 'right'
  | 'home'
  | 'end'
  | 'pageUp'
  | 'pageDown'
  | 'delete'
  | 'enter'
  | 'escape'
  | 'backspace'
  | 'tab'
  | 'backTab'
  | 'clear'
  | 'redraw'

export type Key = { name: KeyName } | { name: 'character'; character: string }

/** By the end of a control sequence; source: ECMA-48, VT100 user guide, console_codes(4). */
const finals: Readonly<Record<string, KeyName>> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
  Z: 'backTab',
}
/** By the number before `~`. */
const numbered: Readonly<Record<string, KeyName>> = {
  1: 'home',
  3: 'delete',
  4: 'end',
  5: 'pageUp',
  6: 'pageDown',
  7: 'home',
  8: 'end',
}
/** Ctrl-C, Ctrl-D, Ctrl-Z, Ctrl-\ and the rest are no keys here: nothing can be ended with them. */
const controls: Readonly<Record<string, KeyName>> = {
  '\r': 'enter',
  '\n': 'enter',
  '\t': 'tab',
  '\b': 'backspace',
  '\x7f': 'backspace',
  '\x15': 'clear',
  '\x0c': 'redraw',
}

/** A key sends at most a few bytes; what is longer without an end is noise on a line. Characters. */
const longestSequence = 32

/** Keeps what may be the beginning of a sequence until more comes, or until nothing does. */
export class KeyDecoder {
  #waiting = ''
  #afterReturn = false

  /** Whether the escape key was pressed, or a sequence has begun, is not known yet. */
  get undecided(): boolean {
    return this.#waiting !== ''
  }

  push(text: string): Key[] {
    const keys: Key[] = []
    let rest = this.#waiting + text
    this.#waiting = ''
    while (rest !== '') {
      const taken = rest[0] === '\x1b' ? sequence(rest) : character(rest)
      if (!taken) {
        this.#waiting = rest
        break
      }
      const [length, key] = taken
      // Some lines send both: one press.
      const doubled = this.#afterReturn && rest[0] === '\n'
      this.#afterReturn = rest[0] === '\r'
      if (key && !doubled) keys.push(key)
      rest = rest.slice(length)
    }
    return keys
  }

  /** Nothing came for a while: what waits is whole. */
  flush(): Key[] {
    const waiting = this.#waiting
    this.#waiting = ''
    return waiting === '\x1b' ? [{ name: 'escape' }] : []
  }
}

type Taken = readonly [length: number, key?: Key]

/** Undefined: its end has not come yet. */
function sequence(text: string): Taken | undefined {
  if (text === '\x1b') return undefined
  // F1 to F5 of the Linux console.
  if (text.startsWith('\x1b[[')) return text.length < 4 ? undefined : [4]
  const after = text.slice(1)
  const control = /^(?:\[([0-?]*)[ -/]*|O)([@-~])/.exec(after)
  if (control) {
    const [whole, parameters = '', final = ''] = control
    const name = final === '~' ? numbered[parameters.split(';')[0] ?? ''] : finals[final]
    return name ? [1 + whole.length, { name }] : [1 + whole.length]
  }
  if (/^(?:\[[0-?]*[ -/]*|O)$/.test(after) && text.length < longestSequence) return undefined
  return [1, { name: 'escape' }]
}

function character(text: string): Taken {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0)
  const name = controls[first]
  if (name) return [first.length, { name }]
  if (/[\p{Cc}\ufffd]/u.test(first)) return [first.length]
  return [first.length, { name: 'character', character: first }]
}
