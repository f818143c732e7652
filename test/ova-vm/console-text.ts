// What the appliance's console says, read from the raw bytes of a serial line.

export interface ConsoleFacts {
  /** `https://10.0.2.15/` and the like. */
  urls: string[]
  /** Of the certificate, as Node writes it: upper-case pairs with colons. */
  fingerprint: string
  /** Absent once the appliance is claimed, or when the code was given at the deployment. */
  setupCode?: string
}

/** Text without the sequences that move, colour and clear (ECMA-48); a jump of the cursor becomes a line's end. */
export function plainText(raw: string): string {
  return (
    raw
      // biome-ignore lint/suspicious/noControlCharactersInRegex: sequences begin with one
      .replace(/\u001b\[[0-9;?]*([@-~])/g, (_, kind: string) => ('HfEFGd'.includes(kind) ? '\n' : ''))
      // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
      .replace(/\u001b[()][A-Z0-9]|\u001b[=>78c]/g, '')
      .replaceAll('\r', '')
  )
}

/** The newest facts; undefined while there is no whole screen of the console. */
export function consoleFacts(raw: string): ConsoleFacts | undefined {
  const text = plainText(raw)
  const at = text.lastIndexOf('SHA-256; compare')
  if (at === -1) return undefined
  const fingerprint = /^[^:]*:((?:\s*:?[0-9A-F]{2}){32})/.exec(text.slice(at))?.[1]
  if (fingerprint === undefined) return undefined
  const pairs = fingerprint.match(/[0-9A-F]{2}/g) ?? []
  // The screen that this fingerprint stands on begins above it.
  const above = text.slice(Math.max(0, at - 2000), at)
  const open = above.slice(above.lastIndexOf('Open'))
  const code = /Setup code\s+((?:[A-Z] ?){4}(?: *- *(?:[A-Z] ?){4}){3})/.exec(open)?.[1]
  return {
    urls: open.match(/https:\/\/[^\s]+/g) ?? [],
    fingerprint: pairs.join(':'),
    ...(code === undefined ? {} : { setupCode: code.replaceAll(' ', '') }),
  }
}

const columns = 80
const rows = 25
const rowBytes = columns * 2

/**
 * The newest screen in the memory of a VGA in text mode: it begins with the console's title, the only row that is a bar from end
 * to end; without one, with the first row. Each cell is a character and its colours; 0x70 is black on grey.
 */
export function consoleScreen(memory: Buffer): string {
  const isBar = (row: number) =>
    Array.from({ length: columns - 1 }, (_, column) => memory[row * rowBytes + column * 2 + 1]).every(
      colours => ((colours ?? 0) & 0x70) === 0x70,
    )
  const first = Math.max(
    0,
    Array.from({ length: Math.floor(memory.length / rowBytes) }, (_, row) => row).findLastIndex(isBar),
  )
  const line = (row: number) =>
    String.fromCharCode(...memory.subarray(row * rowBytes, (row + 1) * rowBytes).filter((_, at) => at % 2 === 0))
  return Array.from({ length: rows }, (_, row) =>
    line(first + row)
      .replaceAll('\0', ' ')
      .trimEnd(),
  ).join('\n')
}
