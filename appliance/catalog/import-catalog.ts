// Fills the server catalog from vCenter, page by page; servers that vCenter no longer has leave it at the end.
import type { Server } from '../domain.ts'
import { toApplianceError } from '../errors.ts'

/** Where the servers are kept: an import is a generation, and whatever it did not see is removed when it finishes. */
export interface CatalogStore {
  begin(): Promise<number>
  upsert(generation: number, servers: Server[]): Promise<void>
  finish(generation: number): Promise<number>
  count(): Promise<number>
}

/** What an import is doing, or how the last one ended. */
export interface CatalogState {
  state: 'empty' | 'importing' | 'ready' | 'failed'
  startedAt?: string
  endedAt?: string
  /** When the last import ended that did not fail, as far as this start of the appliance knows. */
  importedAt?: string
  /** Of an import that has ended well, or a catalog that was cleared. */
  servers?: number
  failure?: { code: string; message: string; hint: string }
}

/**
 * One import. The catalog stays as it was when vCenter fails half-way: only a finished import removes servers.
 * @returns how many servers vCenter listed
 */
export async function importCatalog(pages: AsyncIterable<Server[]>, store: CatalogStore): Promise<number> {
  const generation = await store.begin()
  let servers = 0
  for await (const page of pages) {
    await store.upsert(generation, page)
    servers += page.length
  }
  await store.finish(generation)
  return servers
}

/** The catalog's import as something that is started once and watched. */
export class CatalogImport {
  readonly #store: CatalogStore
  readonly #pages: (signal: AbortSignal) => AsyncIterable<Server[]>
  readonly #onChange: (state: CatalogState) => void
  #state: CatalogState = { state: 'empty' }
  #importedAt: string | undefined
  #running: Promise<void> | undefined
  readonly #stopping = new AbortController()

  constructor(
    store: CatalogStore,
    pages: (signal: AbortSignal) => AsyncIterable<Server[]>,
    onChange: (state: CatalogState) => void,
  ) {
    this.#store = store
    this.#pages = pages
    this.#onChange = onChange
  }

  async state(): Promise<CatalogState & { servers: number }> {
    const servers = await this.#store.count()
    const { state } = this.#state
    return { ...this.#state, state: state === 'empty' && servers > 0 ? 'ready' : state, servers }
  }

  /** Starts an import, or joins the one under way; resolves when it has ended, however it ended. */
  run(): Promise<void> {
    this.#running ??= this.#import().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Forgets all servers, after an import under way has ended. Jobs and history stay; a run needs a new import first. */
  async clear(): Promise<void> {
    await this.#running
    // An import that saw no server.
    await this.#store.finish(await this.#store.begin())
    this.#importedAt = undefined
    this.#change({ state: 'empty', servers: 0 })
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #import(): Promise<void> {
    const startedAt = new Date().toISOString()
    this.#change({ state: 'importing', startedAt })
    try {
      const servers = await importCatalog(this.#pages(this.#stopping.signal), this.#store)
      const endedAt = new Date().toISOString()
      this.#importedAt = endedAt
      this.#change({ state: 'ready', startedAt, endedAt, servers })
    } catch (thrown) {
      const { code, message, hint } = toApplianceError(thrown)
      this.#change({ state: 'failed', startedAt, endedAt: new Date().toISOString(), failure: { code, message, hint } })
    }
  }

  #change(state: CatalogState): void {
    this.#state = { ...state, ...(this.#importedAt === undefined ? {} : { importedAt: this.#importedAt }) }
    this.#onChange(this.#state)
  }
}
