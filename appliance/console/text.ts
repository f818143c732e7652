// Text for a terminal that may know ASCII only: nothing that somebody else has written may move its cursor or change its state.

/** Escape sequences of ECMA-48, whole: CSI, strings (OSC, DCS, SOS, PM, APC) up to their end, and short ones; also as 8-bit C1. */
const sequences = new RegExp(
  [
    String.raw`(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]`,
    String.raw`(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?`,
    String.raw`\x1b[ -/]*[0-~]`,
  ].join('|'),
  'g',
)

/** What people's programs put into sentences, in ASCII. */
const typography: Readonly<Record<string, string>> = {
  '‘': "'",
  '’': "'",
  '‚': "'",
  '“': '"',
  '”': '"',
  '„': '"',
  '–': '-',
  '—': '-',
  '−': '-',
  '•': '*',
  '→': '->',
  '×': 'x',
  ß: 'ss',
  æ: 'ae',
  Æ: 'AE',
  ø: 'o',
  Ø: 'O',
}

/** One line of printable ASCII: sequences are gone, other controls are blanks, letters lose their accents, the rest is `?`. */
export function plain(text: string): string {
  return text
    .replace(sequences, '')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ')
    .normalize('NFKD')
    .replace(/[\p{Mn}\p{Cf}]/gu, '')
    .replace(/[^\x20-\x7e]/gu, character => typography[character] ?? '?')
}

/** At most `width` characters; what was cut off shows as dots. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 3))}...`.slice(0, width)
}

/** Lines of at most `width` characters, broken at blanks, and within words that are longer. An empty text is one empty line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of plain(text).split(' ')) {
    if (word === '') continue
    let rest = word
    if (line !== '' && line.length + 1 + rest.length > width) {
      lines.push(line)
      line = ''
    }
    while (rest.length > width) {
      lines.push(rest.slice(0, width))
      rest = rest.slice(width)
    }
    line = line === '' ? rest : `${line} ${rest}`
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line]
}
