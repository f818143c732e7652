// The log bundle: everything that support asks for first, in one archive, made while it is sent.
import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { toApplianceError } from '../errors.ts'
import { type ArchiveFile, tarGzip } from './archive.ts'
import { linesOf, type Span } from './log-lines.ts'
import { createObfuscator, type KnownName, type Obfuscator } from './obfuscate.ts'

export interface BundleParts {
  /** Paths, oldest first. */
  logFiles(): Promise<string[]> | string[]
  /** Documents by file name without its end: each becomes `NAME.json`. */
  documents: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>>
  /** Texts by file name. */
  texts: Readonly<Record<string, (signal: AbortSignal) => Promise<string>>>
  /** What is a name here, for an obfuscated bundle. */
  names(): AsyncIterable<KnownName> | Iterable<KnownName>
  now(): Date
}

export interface BundleQuery extends Span {
  obfuscate?: boolean
}

export interface Bundle {
  /** `hoist-logs-20260301T020000Z.tar.gz`. */
  fileName: string
  content: Readable
}

/** For each document; the database of a large site takes its time to be checked. */
const documentTimeoutMs = 120_000
/** Bytes of log lines between two turns of the event loop. */
const turnBytes = 256 * 1024

/** A bundle that is made as it is read. Whoever stops reading ends it. */
export function createBundle(parts: BundleParts, { obfuscate = false, ...span }: BundleQuery): Bundle {
  const now = parts.now()
  const stamp = now.toISOString().replace(/\.\d+/, '').replaceAll(/[-:]/g, '')
  const folder = `hoist-logs-${stamp}`
  const ended = new AbortController()
  const content = tarGzip(files(parts, { folder, span, obfuscate, signal: ended.signal }), now)
  content.on('close', () => ended.abort())
  return { fileName: `${folder}.tar.gz`, content }
}

interface Making {
  folder: string
  span: Span
  obfuscate: boolean
  signal: AbortSignal
}

async function* files(parts: BundleParts, making: Making): AsyncGenerator<ArchiveFile> {
  const { folder, obfuscate, signal } = making
  const hidden = obfuscate ? createObfuscator(await Array.fromAsync(parts.names())) : undefined
  for (const [name, read] of Object.entries(parts.documents)) {
    const document = await attempt(read, signal)
    yield fileOf(`${folder}/${name}.json`, `${JSON.stringify(hidden ? hidden.value(document) : document, null, 2)}\n`)
  }
  for (const [name, read] of Object.entries(parts.texts)) {
    const found = await attempt(read, signal)
    const text = typeof found === 'string' ? found : JSON.stringify(found, null, 2)
    yield fileOf(`${folder}/${name}`, hidden ? hidden.text(text) : text)
  }
  for (const path of await parts.logFiles()) {
    const file = await logFile(path, making, hidden)
    if (file) yield file
  }
}

/** What cannot be had is told in its place: the rest is wanted all the more. */
async function attempt(read: (signal: AbortSignal) => Promise<unknown>, stopped: AbortSignal): Promise<unknown> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(documentTimeoutMs)])
  try {
    return await read(signal)
  } catch (thrown) {
    stopped.throwIfAborted()
    const { code, message, hint } = toApplianceError(thrown)
    return { notAvailable: code === 'INTERNAL' ? { code } : { code, message, hint } }
  }
}

function fileOf(path: string, text: string): ArchiveFile {
  const bytes = Buffer.from(text)
  return { path, sizeBytes: bytes.length, content: [bytes] }
}

/** Read twice, as an archive wants sizes first: the second reading sees what the first saw, though the file grows. */
async function logFile(
  path: string,
  { folder, span, signal }: Making,
  hidden: Obfuscator | undefined,
): Promise<ArchiveFile | undefined> {
  const found = await stat(path).catch(() => undefined) // The oldest may just have gone.
  if (!found) return undefined
  const content = () => logBytes(linesOf(path, span, found.size, signal), hidden)
  let sizeBytes = 0
  for await (const bytes of content()) sizeBytes += bytes.length
  return sizeBytes === 0 ? undefined : { path: `${folder}/logs/${basename(path)}`, sizeBytes, content: content() }
}

async function* logBytes(lines: AsyncIterable<string>, hidden: Obfuscator | undefined): AsyncGenerator<Buffer> {
  let waiting = ''
  for await (const line of lines) {
    waiting += hidden ? hideLine(line, hidden) : line
    if (waiting.length < turnBytes) continue
    yield Buffer.from(waiting)
    waiting = ''
    await turn()
  }
  if (waiting !== '') yield Buffer.from(waiting)
}

/** Values only, so that fields keep their names; a line that a crash cut off is a text. */
function hideLine(line: string, hidden: Obfuscator): string {
  try {
    return `${JSON.stringify(hidden.value(JSON.parse(line)))}\n`
  } catch {
    return hidden.text(line)
  }
}
