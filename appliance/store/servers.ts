// The server catalog: replaced by imports in small batches, listed in pages ordered by name, searched without regard to case.
import { setImmediate } from 'node:timers/promises'
import type { Server, ServerId } from '../domain.ts'
import { batchBytes, batchRows, type Database, parseDocument } from './database.ts'
import { type Cursor, decodeCursor, encodeCursor, type Page, type PageRequest, pageLimit } from './paging.ts'

/** An import of the catalog: higher is newer. */
export type Generation = number

export interface ServerListRequest extends PageRequest {
  /** Text anywhere in name, path, guest, host or an address. */
  search?: string | undefined
}

export interface ServerRepository {
  /** Starts an import. Until it finishes, servers it has not seen yet stay as they were. */
  begin(): Promise<Generation>
  /** Adds or replaces servers of any number; the event loop turns in between. */
  upsert(generation: Generation, servers: readonly Server[]): Promise<void>
  /** Ends an import: servers it has not seen leave the catalog. Returns how many left. */
  finish(generation: Generation): Promise<number>
  get(id: ServerId): Promise<Server | undefined>
  list(request?: ServerListRequest): Promise<Page<Server>>
  count(): Promise<number>
}

/** Index rows that a search looks at before the event loop turns: about 1 ms. */
const searchRows = 1000

/** The catalog in the database. */
export function serverRepository(database: Database, now: () => Date = () => new Date()): ServerRepository {
  return {
    async begin() {
      const started = now().getTime()
      const row = database.write(sql =>
        sql.get('INSERT INTO catalog_imports (started_at) VALUES (?) RETURNING generation', started),
      )
      return Number(row?.generation)
    },

    async upsert(generation, servers) {
      for (const rows of batches(servers)) {
        database.write(sql => {
          // max(): an older import that is still under way must not make a server look unseen to a newer one.
          for (const row of rows)
            sql.run(
              `INSERT INTO servers (id, generation, sort_name, search_text, document) VALUES (?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE SET generation = max(generation, excluded.generation),
                 sort_name = excluded.sort_name, search_text = excluded.search_text, document = excluded.document`,
              row.id,
              generation,
              row.sortName,
              row.searchText,
              row.document,
            )
        })
        await setImmediate()
      }
    },

    async finish(generation) {
      let removed = 0
      for (;;) {
        const rows = database.write(sql =>
          sql.run(
            'DELETE FROM servers WHERE id IN (SELECT id FROM servers WHERE generation < ? LIMIT ?)',
            generation,
            batchRows,
          ),
        )
        removed += rows
        if (rows < batchRows) break
        await setImmediate()
      }
      const finished = now().getTime()
      database.write(sql =>
        sql.run(
          'UPDATE catalog_imports SET finished_at = ?, servers = (SELECT count(*) FROM servers) WHERE generation = ?',
          finished,
          generation,
        ),
      )
      return removed
    },

    async get(id) {
      const row = database.read(sql => sql.get('SELECT document FROM servers WHERE id = ?', id))
      return row && parseDocument<Server>(row.document, `server ${id}`)
    },

    async list(request = {}) {
      const limit = pageLimit(request)
      const found = await findKeys(database, request, limit + 1)
      const items: Server[] = []
      for (const [, id] of found.slice(0, limit)) {
        const row = database.read(sql => sql.get('SELECT document FROM servers WHERE id = ?', id))
        // One that left the catalog while a long search let the loop turn.
        if (row) items.push(parseDocument<Server>(row.document, `server ${id}`))
      }
      const last = found[limit - 1]
      return found.length > limit && last ? { items, next: encodeCursor(last) } : { items }
    },

    async count() {
      return Number(database.read(sql => sql.get('SELECT count(*) AS servers FROM servers'))?.servers)
    },
  }
}

/** Keys of the servers that match, in order, at most `wanted`. Reads the index in slices and lets the loop turn in between. */
async function findKeys(database: Database, request: ServerListRequest, wanted: number): Promise<Cursor[]> {
  const words = request.search?.trim().toLowerCase() ?? ''
  let [name, id] = request.after === undefined ? ['', ''] : decodeCursor(request.after, 'string')
  const sliceRows = words === '' ? wanted : searchRows
  const found: Cursor[] = []
  for (;;) {
    const slice = database.read(sql =>
      sql.all(
        `SELECT sort_name, id, search_text FROM servers INDEXED BY servers_by_name
         WHERE (sort_name, id) > (?, ?) ORDER BY sort_name, id LIMIT ?`,
        name,
        id,
        sliceRows,
      ),
    )
    for (const row of slice) {
      name = String(row.sort_name)
      id = String(row.id)
      if (String(row.search_text).includes(words)) found.push([name, id])
      if (found.length === wanted) return found
    }
    if (slice.length < sliceRows) return found
    await setImmediate()
  }
}

interface ServerRow {
  id: ServerId
  sortName: string
  searchText: string
  document: string
}

function* batches(servers: readonly Server[]): Generator<ServerRow[]> {
  let rows: ServerRow[] = []
  let bytes = 0
  for (const server of servers) {
    const row = toRow(server)
    if (rows.length > 0 && (rows.length === batchRows || bytes + row.document.length > batchBytes)) {
      yield rows
      rows = []
      bytes = 0
    }
    rows.push(row)
    bytes += row.document.length
  }
  if (rows.length > 0) yield rows
}

function toRow(server: Server): ServerRow {
  const addresses = server.nics.flatMap(nic => nic.addresses)
  const searched = [server.name, server.path, server.guestName, server.hostName, ...addresses]
  return {
    id: server.id,
    // Lower case by Unicode, which SQLite's own NOCASE does not know.
    sortName: server.name.toLowerCase(),
    searchText: searched.join('\n').toLowerCase(),
    document: JSON.stringify(server),
  }
}
