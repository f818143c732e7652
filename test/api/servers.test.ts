// The catalog over the API: imported, listed in pages, searched, and failing by name.
import t from 'tap'
import type { ServerView } from '../../appliance/api/schemas/servers.ts'
import { poll, startSite } from '../site.ts'
import { documentedCall } from './documented.ts'

const site = await startSite({
  vms: [
    { name: 'web 01', disks: [{ sizeBytes: 1 << 20 }] },
    { name: 'ünïcode-💾', disks: [{ sizeBytes: 1 << 20 }] },
  ],
  generatedVms: 30,
})
t.teardown(() => site.stop())
const call = documentedCall(site)

interface Catalog {
  state: string
  servers: number
  failure?: { code: string; hint: string }
}
interface Page {
  items: ServerView[]
  next?: string
  total: number
}

async function importCatalog(): Promise<Catalog> {
  const { status, body } = await call<Catalog>('POST', '/api/catalog/import')
  if (status !== 202 || body.state !== 'importing') throw new Error(`${status} ${body.state}`)
  return await poll(async () => {
    const catalog = (await call<Catalog>('GET', '/api/catalog')).body
    return catalog.state === 'importing' ? undefined : catalog
  })
}

t.test('an import without settings fails by name', async t => {
  t.match(await call('GET', '/api/catalog'), { status: 200, body: { state: 'empty', servers: 0 } })
  t.match(await importCatalog(), { state: 'failed', servers: 0, failure: { code: 'NOT_CONFIGURED', hint: /vCenter/ } })
})

t.test('an import fills the catalog, and two at once are one', async t => {
  await site.setUp()
  const [one, other] = await Promise.all([importCatalog(), importCatalog()])
  t.match(one, { state: 'ready', servers: 32 })
  t.match(other, { state: 'ready', servers: 32 })
})

t.test('pages follow each other without a gap or a double', async t => {
  const names: string[] = []
  let url = '/api/servers?limit=7'
  for (;;) {
    const { body } = await call<Page>('GET', url)
    t.equal(body.total, 32)
    names.push(...body.items.map(server => server.name))
    if (body.next === undefined) break
    t.equal(body.items.length, 7)
    url = `/api/servers?limit=7&after=${body.next}`
  }
  t.equal(names.length, 32)
  t.equal(new Set(names).size, 32)
})

t.test('a search finds parts of names in any case and script, and odd ones find nothing', async t => {
  const search = async (text: string) =>
    (await call<Page>('GET', `/api/servers?search=${encodeURIComponent(text)}`)).body.items.map(server => server.name)
  t.same(await search('WEB 0'), ['web 01'])
  t.same(await search('💾'), ['ünïcode-💾'])
  for (const odd of ["' OR 1=1 --", '%', '_', '\u0000', '../..', '.*']) t.same(await search(odd), [], odd)
  t.equal((await call('GET', `/api/servers?search=${'x'.repeat(129)}`)).status, 400)
})

t.test('one server is shown with what stands against replicating it', async t => {
  const { id } = await site.server('web 01')
  t.match(await call('GET', `/api/servers/${id}`), { status: 200, body: { id, name: 'web 01', findings: [] } })
  t.match(await call('GET', '/api/servers/__proto__'), { status: 404, body: { code: 'NOT_FOUND' } })
})

t.test('an import that vCenter breaks off leaves the catalog as it was', async t => {
  await site.lab.vcenterControl('POST', '/faults', {
    kind: 'soap',
    method: 'RetrievePropertiesEx',
    fault: 'SystemError',
    times: -1,
  })
  t.match(await importCatalog(), { state: 'failed', servers: 32, failure: { code: 'VCENTER_FAULT' } })
  await site.lab.vcenterControl('DELETE', '/faults')
  t.match(await importCatalog(), { state: 'ready', servers: 32 })
})
