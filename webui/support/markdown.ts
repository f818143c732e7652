// As much of Markdown as our own documents use, into plain blocks that are drawn as elements: no HTML goes through. Pure.

export type Inline =
  | { kind: 'text' | 'code' | 'strong' | 'emphasis'; text: string }
  | { kind: 'link'; text: string; href: string }

export type Block =
  | { kind: 'heading'; level: number; content: Inline[] }
  | { kind: 'paragraph'; content: Inline[] }
  | { kind: 'list'; items: Inline[][] }
  | { kind: 'code'; text: string }
  | { kind: 'table'; head: Inline[][]; rows: Inline[][][] }

const inlinePattern = /`([^`]+)`|\*\*([^*]+)\*\*|\*([^*\s][^*]*)\*|\[([^\]]+)\]\(([^)\s]+)\)/g

export function inline(text: string): Inline[] {
  const parts: Inline[] = []
  let end = 0
  for (const match of text.matchAll(inlinePattern)) {
    if (match.index > end) parts.push({ kind: 'text', text: text.slice(end, match.index) })
    const [whole, code, strong, emphasis, words, href] = match
    if (code !== undefined) parts.push({ kind: 'code', text: code })
    else if (strong !== undefined) parts.push({ kind: 'strong', text: strong })
    else if (emphasis !== undefined) parts.push({ kind: 'emphasis', text: emphasis })
    else parts.push({ kind: 'link', text: words ?? '', href: href ?? '' })
    end = match.index + whole.length
  }
  if (end < text.length) parts.push({ kind: 'text', text: text.slice(end) })
  return parts
}

const isList = (line: string) => /^([-*]|\d+\.)\s+/.test(line)
const isTable = (line: string) => line.trimStart().startsWith('|')
const cells = (line: string) =>
  line
    .trim()
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map(cell => inline(cell.trim().replaceAll('\\|', '|')))

export function parseMarkdown(text: string): Block[] {
  const lines = text.split('\n')
  const blocks: Block[] = []
  let at = 0
  const take = (wanted: (line: string) => boolean): string[] => {
    const from = at
    while (at < lines.length && wanted(lines[at] ?? '')) at++
    return lines.slice(from, at)
  }
  while (at < lines.length) {
    const line = lines[at] ?? ''
    const heading = /^(#{1,6})\s+(.*)$/.exec(line)
    if (line.trim() === '') at++
    else if (line.startsWith('```')) {
      at++
      const code = take(one => !one.startsWith('```'))
      at++
      blocks.push({ kind: 'code', text: code.join('\n') })
    } else if (heading) {
      at++
      blocks.push({ kind: 'heading', level: heading[1]?.length ?? 1, content: inline(heading[2] ?? '') })
    } else if (isTable(line)) {
      const [head = '', , ...rows] = take(isTable)
      blocks.push({ kind: 'table', head: cells(head), rows: rows.map(cells) })
    } else if (isList(line)) {
      const items: string[] = []
      for (const one of take(next => isList(next) || /^\s+\S/.test(next))) {
        if (isList(one)) items.push(one.replace(/^([-*]|\d+\.)\s+/, ''))
        else items.push(`${items.pop() ?? ''} ${one.trim()}`)
      }
      blocks.push({ kind: 'list', items: items.map(inline) })
    } else {
      const words = take(one => one.trim() !== '' && !/^(#{1,6}\s|```)/.test(one) && !isTable(one) && !isList(one))
      blocks.push({ kind: 'paragraph', content: inline(words.join(' ')) })
    }
  }
  return blocks
}
