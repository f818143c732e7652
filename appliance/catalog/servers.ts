// The server catalog as operators look at it: listed, searched, imported again.
import type { ServerId } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { ServerRepository } from '../store/servers.ts'
import { assess } from './assess.ts'
import type { CatalogImport } from './import-catalog.ts'

/** The verbs on the catalog. */
export function catalogService(servers: ServerRepository, catalogImport: CatalogImport) {
  return {
    state: () => catalogImport.state(),
    import: () => void catalogImport.run(),
    clear: () => catalogImport.clear(),
    list: (query: { after?: string; limit: number; search?: string }) => servers.list(query),
    count: () => servers.count(),
    async get(id: ServerId) {
      const server = await servers.get(id)
      if (server) return server
      throw new ApplianceError('NOT_FOUND', `The catalog has no server ${id}`, { hint: 'Import the catalog again.' })
    },
    assess,
  }
}
