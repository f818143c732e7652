// The catalog: imports in bounded batches, listing and search by keyset, at 10,000 servers.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Server } from '../../appliance/domain.ts'
import { batchRows, type DatabaseOptions, openDatabase } from '../../appliance/store/database.ts'
import { type ServerListRequest, type ServerRepository, serverRepository } from '../../appliance/store/servers.ts'
import { sampleServer, seeded } from './samples.ts'

function open(t: Test, options: DatabaseOptions = {}): ServerRepository {
  const database = openDatabase(join(t.testdir(), 'hoist.db'), options)
  t.teardown(() => database.close())
  return serverRepository(database, () => new Date('2026-03-01T00:00:00Z'))
}

async function importAll(servers: ServerRepository, list: readonly Server[]): Promise<number> {
  const generation = await servers.begin()
  await servers.upsert(generation, list)
  return await servers.finish(generation)
}

async function listAll(servers: ServerRepository, request: ServerListRequest): Promise<Server[]> {
  const all: Server[] = []
  let after: string | undefined
  do {
    const page = await servers.list({ ...request, after })
    all.push(...page.items)
    after = page.next
  } while (after !== undefined)
  return all
}

t.test('an import replaces the catalog: changed servers change, unseen ones leave', async t => {
  const servers = open(t)
  t.equal(await importAll(servers, [sampleServer(1), sampleServer(2), sampleServer(3)]), 0)
  const renamed = sampleServer(2, { name: 'renamed', moref: 'vm-99' })
  t.equal(await importAll(servers, [renamed, sampleServer(4)]), 2)
  t.equal(await servers.count(), 2)
  t.strictSame(await servers.get(renamed.id), renamed)
  t.equal(await servers.get(sampleServer(1).id), undefined)
})

t.test('an import that breaks off removes nothing', async t => {
  const servers = open(t)
  await importAll(servers, [sampleServer(1), sampleServer(2)])
  const broken = await servers.begin()
  await servers.upsert(broken, [sampleServer(3)])
  t.equal(await servers.count(), 3)
  t.equal(await importAll(servers, [sampleServer(1)]), 2)
})

t.test('an older import that is still writing never makes a newer one lose a server', async t => {
  const servers = open(t)
  const older = await servers.begin()
  const newer = await servers.begin()
  await servers.upsert(newer, [sampleServer(1)])
  await servers.upsert(older, [sampleServer(1), sampleServer(2)])
  t.equal(await servers.finish(newer), 1)
  t.ok(await servers.get(sampleServer(1).id))
})

t.test(
  '10,000 servers are imported, listed and removed without a transaction of more than 100 rows',
  { timeout: 120_000 },
  async t => {
    const rows: number[] = []
    const servers = open(t, { onTransaction: count => rows.push(count) })
    const all = Array.from({ length: 10_000 }, (_, number) => sampleServer(number))
    let turns = 0
    let running = true
    const turn = () => {
      turns++
      if (running) setImmediate(turn)
    }
    setImmediate(turn)
    await importAll(servers, all)
    t.equal(Math.max(...rows), batchRows)
    t.ok(turns >= 10_000 / batchRows, `the event loop turned ${turns} times during the import`)
    t.equal(await servers.count(), 10_000)

    const listed = await listAll(servers, { limit: 500 })
    t.equal(listed.length, 10_000)
    t.strictSame(
      listed.map(server => server.name),
      all.map(server => server.name),
    )

    const before = turns
    t.strictSame((await servers.list({ search: 'SERVER-09999' })).items, [all[9999]])
    t.ok(turns - before >= 9, `the event loop turned ${turns - before} times during a search of everything`)

    rows.length = 0
    t.equal(await importAll(servers, all.slice(0, 1)), 9999)
    t.equal(Math.max(...rows), batchRows)
    running = false
  },
)

t.test('a batch is bounded by its bytes too', async t => {
  const rows: number[] = []
  const servers = open(t, { onTransaction: count => rows.push(count) })
  const large = (number: number) => sampleServer(number, { isoPaths: ['x'.repeat(200_000)] })
  await servers.upsert(await servers.begin(), [large(1), large(2), large(3), large(4), large(5)])
  t.strictSame(rows.slice(1), [2, 2, 1], 'after the row of the import itself')
})

t.test('search finds text in name, path, guest, host and address, whatever the case, and nothing else', async t => {
  const servers = open(t)
  const odd = sampleServer(1, {
    name: 'ÄRGER 100%_sure',
    path: '/DC0/vm/Büro/ÄRGER',
    guestName: 'Ubuntu Linux',
    hostName: 'esx-7.example',
  })
  await importAll(servers, [odd, sampleServer(2)])
  for (const search of ['ärger', '%_', 'BÜRO', 'ubuntu', 'ESX-7', '10.0.0.1', '  ärger ', '100%_sure'])
    t.strictSame((await servers.list({ search })).items, [odd], search)
  for (const search of ['_rger', 'nothing', "'; DROP TABLE servers; --"])
    t.strictSame(await servers.list({ search }), { items: [] }, search)
  t.equal((await servers.list({ search: '' })).items.length, 2)
})

t.test('random pages, with and without a search, together give exactly what a plain filter gives', async t => {
  const servers = open(t)
  const seed = 815
  const chance = seeded(seed)
  const words = ['web', 'DB', 'ünï', 'mail', 'build', 'x']
  const all = Array.from({ length: 3000 }, (_, number) =>
    sampleServer(number, { name: `${words[chance(words.length)]}-${chance(40)}` }),
  )
  await importAll(servers, all)
  const key = (server: Server) => [server.name.toLowerCase(), server.id] as const
  const ordered = all.toSorted((a, b) => {
    const order = Buffer.compare(Buffer.from(key(a)[0]), Buffer.from(key(b)[0]))
    return order === 0 ? Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)) : order
  })
  for (const search of [undefined, 'WEB-1', 'Ünï', 'x-3', 'folder-3', 'none']) {
    const limit = 1 + chance(400)
    const wanted = ordered.filter(
      server => !search || `${server.name}\n${server.path}`.toLowerCase().includes(search.toLowerCase()),
    )
    const got = await listAll(servers, { search, limit })
    t.strictSame(
      got.map(server => server.id),
      wanted.map(server => server.id),
      `seed ${seed}, search ${search}, limit ${limit}`,
    )
  }
})

t.test('a page goes on rightly although servers came and went in between', async t => {
  const servers = open(t)
  await importAll(
    servers,
    [1, 2, 3, 4, 5, 6].map(number => sampleServer(number)),
  )
  const first = await servers.list({ limit: 2 })
  await importAll(
    servers,
    [0, 1, 4, 5, 6].map(number => sampleServer(number)),
  )
  const second = await servers.list({ limit: 2, after: first.next })
  t.strictSame(
    second.items.map(server => server.name),
    ['server-00004', 'server-00005'],
  )
})

t.test('a limit or cursor that makes no sense is refused', async t => {
  const servers = open(t)
  await t.rejects(servers.list({ limit: 501 }), { code: 'INVALID_REQUEST' })
  await t.rejects(servers.list({ after: 'nonsense' }), { code: 'INVALID_REQUEST' })
})
