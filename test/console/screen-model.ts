// A small VT100: what the console sends becomes rows of text. Strict: what it does not know, or what would wrap, is an error.

export class ScreenModel {
  readonly rows: number
  readonly columns: number
  /** What it was sent that a plain terminal would not show as meant. */
  readonly faults: string[] = []
  cursorShown = true
  clears = 0
  #cells: string[][]
  #row = 0
  #column = 0
  #rest = ''

  constructor(columns = 80, rows = 24) {
    this.columns = columns
    this.rows = rows
    this.#cells = this.#empty()
  }

  get lines(): string[] {
    return this.#cells.map(row => row.join('').trimEnd())
  }

  get text(): string {
    return this.lines.join('\n')
  }

  write(text: string): void {
    let rest = this.#rest + text
    this.#rest = ''
    while (rest !== '') {
      if (rest[0] !== '\x1b') {
        this.#put(rest[0] ?? '')
        rest = rest.slice(1)
        continue
      }
      const after = rest.slice(1)
      const sequence = /^(?:\[([?\d;]*)([A-Za-z])|(\(B))/.exec(after)
      if (!sequence) {
        if (after.length > 12) {
          this.faults.push(`unknown sequence ${JSON.stringify(after.slice(0, 12))}`)
          rest = after
          continue
        }
        this.#rest = rest
        return
      }
      this.#act(sequence[1] ?? '', sequence[2] ?? 'B(')
      rest = after.slice(sequence[0].length)
    }
  }

  #act(parameters: string, final: string): void {
    const [first = 0, second = 0] = parameters.split(';').map(Number)
    switch (`${parameters.startsWith('?') ? '?' : ''}${final}`) {
      case 'H':
        this.#row = Math.max(0, first - 1)
        this.#column = Math.max(0, second - 1)
        if (this.#row >= this.rows || this.#column >= this.columns) this.faults.push(`cursor at ${parameters}`)
        break
      case 'J':
        this.clears++
        this.#cells = this.#empty()
        break
      case 'K':
        this.#cells[this.#row]?.fill(' ', this.#column)
        break
      case '?h':
        this.cursorShown = true
        break
      case '?l':
        this.cursorShown = false
        break
      case 'm':
      case 'r':
      case 'l':
      case 'B(':
        break
      default:
        this.faults.push(`unknown sequence [${parameters}${final}`)
    }
  }

  #put(character: string): void {
    if (character === '\r') this.#column = 0
    else if (character === '\n') {
      this.#row++
      if (this.#row < this.rows) return
      this.#row = this.rows - 1
      this.#cells = [...this.#cells.slice(1), Array.from({ length: this.columns }, () => ' ')]
    } else if (character === '\x0f') return
    else if (!/[\x20-\x7e]/.test(character)) this.faults.push(`character ${JSON.stringify(character)}`)
    else {
      const row = this.#cells[this.#row]
      // The last column is where terminals begin to differ.
      if (!row || this.#column >= this.columns - 1) this.faults.push(`written at column ${this.#column}`)
      else row[this.#column++] = character
    }
  }

  #empty(): string[][] {
    return Array.from({ length: this.rows }, () => Array.from({ length: this.columns }, () => ' '))
  }
}
