// Pages of a listing: a cursor says after which row the next page begins, so that rows coming and going shift nothing.
import { ApplianceError } from '../errors.ts'

export interface PageRequest {
  /** `next` of the page before. */
  after?: string | undefined
  /** Items wanted, 1 to 500. */
  limit?: number | undefined
}

export interface Page<T> {
  items: T[]
  /** Cursor of the next page; absent on the last one. */
  next?: string
}

const defaultLimit = 100
/** 500 documents of some 3 KB are parsed in about 10 ms: the most that one answer may hold the event loop. */
export const maxLimit = 500

/** @throws {ApplianceError} INVALID_REQUEST */
export function pageLimit(request: PageRequest): number {
  const limit = request.limit ?? defaultLimit
  if (Number.isInteger(limit) && limit >= 1 && limit <= maxLimit) return limit
  throw new ApplianceError('INVALID_REQUEST', `A page of ${limit} items is not possible.`, {
    hint: `Ask for 1 to ${maxLimit} items, and follow "next".`,
  })
}

/** Cuts rows that were fetched with one more than `limit` to a page. */
export function toPage<T>(items: T[], limit: number, cursorOf: (item: T) => Cursor): Page<T> {
  const last = items[limit - 1]
  if (items.length <= limit || last === undefined) return { items }
  return { items: items.slice(0, limit), next: encodeCursor(cursorOf(last)) }
}

/** The ordering key and the id of a row. */
export type Cursor = readonly [key: string | number, id: string]

export function encodeCursor(cursor: Cursor): string {
  return Buffer.from(JSON.stringify(cursor)).toString('base64url')
}

/** @throws {ApplianceError} INVALID_REQUEST when it is no cursor with this type of key */
export function decodeCursor<K extends 'string' | 'number'>(
  text: string,
  keyType: K,
): readonly [K extends 'string' ? string : number, string] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    if (Array.isArray(parsed) && parsed.length === 2 && typeof parsed[0] === keyType && typeof parsed[1] === 'string')
      return [parsed[0], parsed[1]]
  } catch {
    // Not JSON: the same answer as for JSON of another form.
  }
  throw new ApplianceError('INVALID_REQUEST', 'The cursor is not one that this appliance gave out.', {
    hint: 'Begin the listing again, without "after".',
  })
}
