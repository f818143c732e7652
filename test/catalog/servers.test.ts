// The server catalog as operators look at it.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { assess } from '../../appliance/catalog/assess.ts'
import type { CatalogImport } from '../../appliance/catalog/import-catalog.ts'
import { catalogService } from '../../appliance/catalog/servers.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleServer } from '../store/samples.ts'

const directory = await mkdtemp(join(tmpdir(), 'hoist-servers-'))
const store = await openStore(directory)
t.teardown(async () => {
  store.close()
  await rm(directory, { recursive: true, force: true })
})
const generation = await store.servers.begin()
await store.servers.upsert(generation, [sampleServer(1), sampleServer(2, { name: 'files01' })])
await store.servers.finish(generation)
let imports = 0
const catalogImport = { state: () => ({ state: 'ready' }), run: async () => void imports++ } as unknown as CatalogImport
const catalog = catalogService(store.servers, catalogImport)

t.test('servers are listed, searched and counted as they are stored', async t => {
  t.equal(await catalog.count(), 2)
  t.equal((await catalog.list({ limit: 10 })).items.length, 2)
  t.match((await catalog.list({ limit: 10, search: 'files' })).items, [{ name: 'files01' }])
  t.same(await catalog.get(sampleServer(1).id), sampleServer(1))
})

t.test('a server that is not there is NOT_FOUND, with what to do', async t => {
  await t.rejects(catalog.get('none'), { code: 'NOT_FOUND', message: /none/, hint: /Import/ })
})

t.test('an import is begun and not waited for; its state and the rules are passed on', async t => {
  t.equal(catalog.import(), undefined)
  t.equal(imports, 1)
  t.match(catalog.state(), { state: 'ready' })
  t.equal(catalog.assess, assess)
})
