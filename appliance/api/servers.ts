// The server catalog: import and listing.

import type { CatalogState } from '../catalog/import-catalog.ts'
import type { Finding, Server } from '../domain.ts'
import type { Routes } from './routes.ts'
import { errorAnswers, IdParams } from './schemas/common.ts'
import { CatalogView, ServerPage, ServerQuery, ServerView } from './schemas/servers.ts'

export interface CatalogService {
  state(): Promise<CatalogState & { servers: number }>
  /** Starts an import, or joins the one under way; does not wait for its end. */
  import(): void
  /** Forgets all servers. */
  clear(): Promise<void>
  list(query: { after?: string; limit: number; search?: string }): Promise<{ items: Server[]; next?: string }>
  count(): Promise<number>
  get(id: string): Promise<Server>
  assess(server: Server): Finding[]
}

const tags = ['catalog']

export function serverRoutes(app: Routes, catalog: CatalogService): void {
  const view = (server: Server) => ({ ...server, findings: catalog.assess(server) })
  app.get(
    '/api/catalog',
    { schema: { summary: 'State of the server catalog', tags, response: { 200: CatalogView, ...errorAnswers } } },
    () => catalog.state(),
  )
  app.delete(
    '/api/catalog',
    {
      schema: {
        summary: 'Forget all servers of the catalog; jobs and history stay',
        tags,
        response: { 200: CatalogView, ...errorAnswers },
      },
    },
    async () => {
      await catalog.clear()
      return await catalog.state()
    },
  )
  app.post(
    '/api/catalog/import',
    {
      schema: {
        summary: 'Import the server catalog from vCenter; its progress comes as events and at /api/catalog',
        tags,
        response: { 202: CatalogView, ...errorAnswers },
      },
    },
    async (_request, reply) => {
      catalog.import()
      return reply.code(202).send(await catalog.state())
    },
  )
  app.get(
    '/api/servers',
    {
      schema: {
        summary: 'Servers by name',
        tags,
        querystring: ServerQuery,
        response: { 200: ServerPage, ...errorAnswers },
      },
    },
    async request => {
      const { after, limit = 100, search } = request.query
      const wanted = { limit, ...(after === undefined ? {} : { after }), ...(search === undefined ? {} : { search }) }
      const { items, next } = await catalog.list(wanted)
      const total = await catalog.count()
      return { items: items.map(view), total, ...(next === undefined ? {} : { next }) }
    },
  )
  app.get(
    '/api/servers/:id',
    { schema: { summary: 'One server', tags, params: IdParams, response: { 200: ServerView, ...errorAnswers } } },
    async request => view(await catalog.get(request.params.id)),
  )
}
