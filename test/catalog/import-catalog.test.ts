// Imports of the catalog.
import t from 'tap'
import { CatalogImport, type CatalogState, importCatalog } from '../../appliance/catalog/import-catalog.ts'
import type { Server } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'

const server = (id: string) => ({ id, name: id }) as Server

function memoryStore() {
  const calls: string[] = []
  return {
    calls,
    begin: async () => 7,
    upsert: async (generation: number, servers: Server[]) => {
      calls.push(`${generation}: ${servers.map(({ id }) => id).join(' ')}`)
    },
    finish: async (generation: number) => {
      calls.push(`finish ${generation}`)
      return 0
    },
    count: async () => 0,
  }
}

async function* pages(...all: (Server[] | Error)[]) {
  for (const page of all) {
    if (page instanceof Error) throw page
    yield page
  }
}

t.test('pages are stored as they come, and the generation is finished at the end', async t => {
  const store = memoryStore()
  t.equal(await importCatalog(pages([server('a'), server('b')], [server('c')]), store), 3)
  t.same(store.calls, ['7: a b', '7: c', 'finish 7'])
})

t.test('an import that fails half-way removes no server', async t => {
  const store = memoryStore()
  await t.rejects(importCatalog(pages([server('a')], new Error('gone')), store), { message: 'gone' })
  t.same(store.calls, ['7: a'])
})

t.test('an import is joined by those who ask meanwhile, and says how it ended', async t => {
  const states: CatalogState[] = []
  const gate = Promise.withResolvers<void>()
  let starts = 0
  const catalog = new CatalogImport(
    memoryStore(),
    async function* () {
      starts++
      await gate.promise
      yield [server('a')]
    },
    state => states.push(state),
  )
  const both = [catalog.run(), catalog.run()]
  t.match(await catalog.state(), { state: 'importing', servers: 0 })
  gate.resolve()
  await Promise.all(both)
  t.equal(starts, 1)
  t.match(states, [{ state: 'importing' }, { state: 'ready' }])
})

t.test('clearing the catalog forgets every server', async t => {
  const store = memoryStore()
  const states: CatalogState[] = []
  const catalog = new CatalogImport(
    store,
    () => pages([server('a')]),
    state => states.push(state),
  )
  await catalog.run()
  await catalog.clear()
  t.same(store.calls, ['7: a', 'finish 7', 'finish 7'], 'as an import that saw none')
  t.match(await catalog.state(), { state: 'empty', servers: 0 })
})

t.test("a failure keeps vCenter's words", async t => {
  const failure = new ApplianceError('VCENTER_UNREACHABLE', 'vCenter is away', { hint: 'wait' })
  const catalog = new CatalogImport(
    memoryStore(),
    () => pages(failure),
    () => undefined,
  )
  await catalog.run()
  t.match(await catalog.state(), {
    state: 'failed',
    failure: { code: 'VCENTER_UNREACHABLE', message: 'vCenter is away', hint: 'wait' },
  })
})

t.test('a failed import keeps the time of the last good one apart; clearing forgets it', async t => {
  let fails = false
  const states: CatalogState[] = []
  const catalog = new CatalogImport(
    memoryStore(),
    () => (fails ? pages(new Error('gone')) : pages([server('a'), server('b')])),
    state => states.push(state),
  )
  await catalog.run()
  const good = states.at(-1)
  t.match(good, { state: 'ready', servers: 2 })
  t.equal(good?.importedAt, good?.endedAt)
  fails = true
  await catalog.run()
  t.equal((await catalog.state()).state, 'failed')
  t.equal((await catalog.state()).importedAt, good?.endedAt)
  await catalog.clear()
  t.equal((await catalog.state()).importedAt, undefined)
  t.match(states.at(-1), { state: 'empty', servers: 0 })
})
