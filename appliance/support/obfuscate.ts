// Names and addresses replaced by pseudonyms, the same ones throughout a bundle: who reads it can follow a server without
// knowing it. What is replaced is what is known to be a name here, and whatever has the form of an address or account.
import { isIPv4, isIPv6 } from 'node:net'

export type NameKind = 'server' | 'host' | 'user' | 'account' | 'bucket' | 'place' | 'network'

export interface KnownName {
  kind: NameKind
  name: string
}

export interface Obfuscator {
  /** Plain text. */
  text(text: string): string
  /** All texts of a JSON value; its keys stay. */
  value(value: unknown): unknown
}

/** Around what is replaced already, so that nothing is replaced twice: private use, which no name has. */
const [open, close] = ['\uE000', '\uE001']
const done = /(\uE000[^\uE001]*\uE001)/
const loopback = new Set(['127.0.0.1', '0.0.0.0', '::1', '::'])

/** The pseudonyms of one bundle. */
export function createObfuscator(names: Iterable<KnownName>): Obfuscator {
  const pseudonyms = new Map<string, string>()
  const counts = new Map<string, number>()
  const of = (kind: string, name: string): string => {
    const key = `${kind} ${sameLengthLower(name)}`
    let pseudonym = pseudonyms.get(key)
    if (pseudonym === undefined) {
      const count = (counts.get(kind) ?? 0) + 1
      counts.set(kind, count)
      pseudonym = `${kind}-${count}`
      pseudonyms.set(key, pseudonym)
    }
    return `${open}${pseudonym}${close}`
  }
  const index = indexNames(names)

  const passes: ((text: string) => string)[] = [
    text => replaceNames(text, index, of),
    text => text.replace(/(?<![\w.+-])[\w.+-]+@[\w-]+(\.[\w-]+)+/g, found => of('user', found)),
    text =>
      text.replace(/(arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:)(\d{12})\b/g, (_, arn, id) => `${arn}${of('account', id)}`),
    text =>
      text.replace(/\b((?:user|role|assumed-role)\/)([\w+=,.@/-]+)/g, (_, kind, name) => `${kind}${of('user', name)}`),
    text => text.replace(/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, found => of('key', found)),
    text => text.replace(/(?<![\w:-])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![\w:-])/gi, found => of('mac', found)),
    text =>
      text.replace(/(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)/g, found =>
        isIPv4(found) && !loopback.has(found) ? of('ip', found) : found,
      ),
    text =>
      text.replace(/(?<![\w:.])[0-9a-f]*:[0-9a-f:.]*[0-9a-f:](?![\w:])/gi, found =>
        isIPv6(found) && !loopback.has(found) ? of('ip', found) : found,
      ),
    text =>
      text.replace(/(?<![\w.-])(?:[a-z0-9-]+\.)+[a-z][a-z0-9-]*(?![\w-])/gi, found =>
        index.domains.some(domain => found.toLowerCase().endsWith(domain)) ? of('host', found) : found,
      ),
  ]

  const text = (given: string): string => {
    let clean = given
    for (const pass of passes) {
      clean = clean.includes(open)
        ? clean
            .split(done)
            .map(piece => (piece.startsWith(open) ? piece : pass(piece)))
            .join('')
        : pass(clean)
    }
    return clean.replaceAll(open, '').replaceAll(close, '')
  }

  const value = (given: unknown): unknown => {
    if (typeof given === 'string') return text(given)
    if (Array.isArray(given)) return given.map(value)
    if (typeof given !== 'object' || given === null) return given
    return Object.fromEntries(Object.entries(given).map(([name, inner]) => [name, value(inner)]))
  }
  return { text, value }
}

/** A tree of characters, in lower case: what a place in a text costs does not depend on how many names there are. */
interface NameNode {
  next: Map<string, NameNode>
  /** Of the name that ends here. */
  kind?: NameKind
}

interface NameIndex {
  root: NameNode
  /** `.corp.example` of every host that is known: others of the same domain are hosts too. */
  domains: string[]
}

/** Shorter ones are words. */
const shortestName = 2

function indexNames(names: Iterable<KnownName>): NameIndex {
  const root: NameNode = { next: new Map() }
  const domains = new Set<string>()
  for (const { kind, name } of names) {
    const lower = sameLengthLower(name)
    if (lower.length < shortestName) continue
    let node = root
    for (const character of lower.split('')) {
      const next = node.next.get(character) ?? { next: new Map() }
      node.next.set(character, next)
      node = next
    }
    node.kind ??= kind
    const domain = /^[\w-]+(\.[\w-]+\.[a-z][\w-]*(?:\.[\w-]+)*)$/.exec(lower)?.[1]
    if (kind === 'host' && domain !== undefined && !domain.endsWith('.amazonaws.com')) domains.add(domain)
  }
  return { root, domains: [...domains] }
}

/** Whole names only: a server `db` is not in `dbx`. The longest that fits. */
function replaceNames(text: string, { root }: NameIndex, of: (kind: string, name: string) => string): string {
  if (root.next.size === 0) return text
  const lower = sameLengthLower(text)
  let clean = ''
  let copied = 0
  for (let at = 0; at < lower.length; at++) {
    if (!root.next.has(lower[at] ?? '') || isWord(lower[at - 1])) continue
    const found = longestAt(root, lower, at)
    if (!found) continue
    clean += text.slice(copied, at) + of(found.kind, text.slice(at, found.end))
    copied = found.end
    at = copied - 1
  }
  return clean + text.slice(copied)
}

function longestAt(root: NameNode, lower: string, at: number): { kind: NameKind; end: number } | undefined {
  let found: { kind: NameKind; end: number } | undefined
  let node = root.next.get(lower[at] ?? '')
  for (let end = at + 1; node; end++) {
    if (node.kind !== undefined && !isWord(lower[end])) found = { kind: node.kind, end }
    node = node.next.get(lower[end] ?? '')
  }
  return found
}

/** Some letters change their length with their case: those stay, so that places match. */
function sameLengthLower(text: string): string {
  const lower = text.toLowerCase()
  if (lower.length === text.length) return lower
  return text.replace(/./gsu, character => {
    const small = character.toLowerCase()
    return small.length === character.length ? small : character
  })
}

function isWord(character: string | undefined): boolean {
  return (
    character !== undefined &&
    (/[A-Za-z0-9_]/.test(character) || (character > '\x7f' && /[\p{L}\p{N}]/u.test(character)))
  )
}
