// Lines out of the log's files: the newest ones page by page, and all of a span of time, in order.
import { type FileHandle, open } from 'node:fs/promises'
import { basename } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LogLine {
  /** ISO 8601. */
  at: string
  level: LogLevel
  message: string
  fields: Record<string, unknown>
}

export interface RecentQuery {
  /** This level and worse ones. */
  level?: LogLevel
  /** Anywhere in the line, whatever the case. */
  text?: string
  /** `next` of the page before. */
  after?: string
  limit: number
}

const chunkBytes = 64 * 1024
/** Searched for one page at most: a filter that hits nothing must not read 50 MiB before it answers. */
const searchedBytes = 8 * 2 ** 20

/**
 * Newest lines first. A page may be shorter than asked for, even empty, and still have a `next`: then there is more to search.
 * @param files paths, oldest first
 * @throws {ApplianceError} INVALID_REQUEST for a cursor that is none
 */
export async function recentLines(
  files: readonly string[],
  { level = 'trace', text = '', after, limit }: RecentQuery,
): Promise<{ items: LogLine[]; next?: string }> {
  const from = after === undefined ? undefined : cursorOf(after)
  const wanted = text.toLowerCase()
  const worst = logLevels.indexOf(level)
  const items: LogLine[] = []
  let searched = 0
  for (const path of files.toReversed()) {
    const name = basename(path)
    if (from && name > from.name) continue
    const end = from?.name === name ? from.offset : undefined
    for await (const { line, offset } of linesBackwards(path, end)) {
      searched += line.length + 1
      const found = wanted === '' || line.toLowerCase().includes(wanted) ? parseLine(line) : undefined
      if (found && logLevels.indexOf(found.level) >= worst) items.push(found)
      const more = offset > 0 || path !== files[0]
      if (items.length >= limit || searched >= searchedBytes)
        return more ? { items, next: `${name}:${offset}` } : { items }
    }
  }
  return { items }
}

/** A line as it was logged; undefined for one that a crash cut off. */
export function parseLine(line: string): LogLine | undefined {
  try {
    const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>
    const known = logLevels.find(one => one === level)
    if (typeof time !== 'string' || known === undefined) return undefined
    return { at: time, level: known, message: typeof msg === 'string' ? msg : '', fields }
  } catch {
    // Half a line says nothing that can be filtered; the bundle has it.
    return undefined
  }
}

export interface Span {
  from?: Date | undefined
  to?: Date | undefined
}

/**
 * The lines of one file that are of the span, oldest first, each with its line end, up to the size that the file has at the
 * beginning. A line without a time goes with the one before it.
 */
export async function* linesOf(
  path: string,
  { from, to }: Span,
  endBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<string> {
  const handle = await openExisting(path)
  if (!handle) return
  const [first, last] = [from?.toISOString() ?? '', to?.toISOString() ?? '~']
  let within = from === undefined
  let carry = Buffer.alloc(0)
  try {
    for (let position = 0; position < endBytes; ) {
      signal?.throwIfAborted()
      const chunk = await readAt(handle, position, Math.min(chunkBytes, endBytes - position))
      if (chunk.length === 0) return
      position += chunk.length
      const bytes = Buffer.concat([carry, chunk])
      const end = position >= endBytes ? bytes.length : bytes.lastIndexOf(10) + 1
      carry = bytes.subarray(end)
      for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) {
        if (line === '') continue
        const at = /"time":"([^"]+)"/.exec(line)?.[1]
        if (at !== undefined) within = at >= first && at <= last
        if (within) yield `${line}\n`
      }
    }
  } finally {
    await handle.close()
  }
}

async function* linesBackwards(
  path: string,
  end: number | undefined,
): AsyncGenerator<{ line: string; offset: number }> {
  const handle = await openExisting(path)
  if (!handle) return
  try {
    const { size } = await handle.stat()
    let carry = Buffer.alloc(0)
    for (let position = Math.min(end ?? size, size); position > 0; ) {
      const start = Math.max(0, position - chunkBytes)
      const bytes = Buffer.concat([await readAt(handle, start, position - start), carry])
      // What stands before the first line end began in the chunk before.
      const whole = start === 0 ? 0 : bytes.indexOf(10) + 1
      if (start > 0 && whole === 0) {
        carry = bytes
        position = start
        continue
      }
      carry = bytes.subarray(0, whole)
      yield* splitBackwards(bytes.subarray(whole), start + whole)
      position = start
    }
  } finally {
    await handle.close()
  }
}

function* splitBackwards(bytes: Buffer, base: number): Generator<{ line: string; offset: number }> {
  for (let end = bytes.length; end > 0; ) {
    const last = bytes[end - 1] === 10 ? end - 1 : end
    const offset = bytes.subarray(0, last).lastIndexOf(10) + 1
    if (last > offset) yield { line: bytes.toString('utf8', offset, last), offset: base + offset }
    end = offset
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  const { bytesRead } = await handle.read(buffer, 0, length, position)
  return buffer.subarray(0, bytesRead)
}

/** The oldest file may be removed between the listing and the reading. */
async function openExisting(path: string): Promise<FileHandle | undefined> {
  return await open(path, 'r').catch(ignoreMissing)
}

function cursorOf(text: string): { name: string; offset: number } {
  const found = /^([\w.-]{1,64}):(\d{1,12})$/.exec(text)
  if (found?.[1] !== undefined) return { name: found[1], offset: Number(found[2]) }
  throw new ApplianceError('INVALID_REQUEST', 'This is no place in the log', {
    hint: 'Send `next` of the page before as `after`.',
  })
}
