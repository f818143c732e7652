// All servers of the catalog, read page by page and kept while the catalog stays as it is.
import { api } from '../api.ts'
import type { ApiError } from '../request.ts'
import { toApiError } from '../request.ts'
import { createStore } from '../store.ts'
import { type ServerRow, toRow } from './server-rows.ts'

export interface ServerList {
  rows: ServerRow[]
  total: number
  /** Pages are still to come. */
  reading: boolean
  error?: ApiError
}

/** The most that the API gives at once. */
const pageSize = 500

const empty: ServerList = { rows: [], total: 0, reading: true }

export const serverList = createStore<ServerList>(empty)

let readOf: string | undefined
let reading: AbortController | undefined

/**
 * Reads the catalog unless it is there already. `version` names the state of the catalog: with another one all is read
 * anew, and what was there stays in sight until the new rows are whole.
 */
export async function readServers(version: string): Promise<void> {
  if (readOf === version) return
  reading?.abort()
  reading = new AbortController()
  const { signal } = reading
  readOf = version
  const before = serverList.get()
  const fresh: ServerRow[] = []
  const keep = before.rows.length > 0
  serverList.set({ ...before, reading: true })
  try {
    let after: string | undefined
    do {
      const page = await api.servers({ limit: pageSize, ...(after === undefined ? {} : { after }) }, signal)
      for (const server of page.items) fresh.push(toRow(server))
      after = page.next
      const whole = after === undefined
      if (whole || !keep) serverList.set({ rows: [...fresh], total: page.total, reading: !whole })
    } while (after !== undefined)
  } catch (thrown) {
    if (signal.aborted) return
    readOf = undefined
    serverList.set({ ...serverList.get(), reading: false, error: toApiError(thrown) })
  }
}

/** Forgets all: another user signs in. */
export function forgetServers(): void {
  reading?.abort()
  readOf = undefined
  serverList.set(empty)
}
