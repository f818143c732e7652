// The catalog's schemas against the domain's own samples.
import t from 'tap'
import Value from 'typebox/value'
import { CatalogView, ServerQuery, ServerView } from '../../../appliance/api/schemas/servers.ts'
import { sampleServer } from '../../store/samples.ts'

t.test('a server of the domain, with its findings, is what the API shows', async t => {
  t.ok(Value.Check(ServerView, { ...sampleServer(1), findings: [] }))
  t.notOk(Value.Check(ServerView, { ...sampleServer(1), findings: [], colour: 'green' }))
})

t.test('a page has 1 to 500 rows', async t => {
  for (const limit of [1, 500]) t.ok(Value.Check(ServerQuery, { limit }))
  for (const limit of [0, 501]) t.notOk(Value.Check(ServerQuery, { limit }))
  t.notOk(Value.Check(ServerQuery, { search: 'x'.repeat(129) }))
})

t.test('a failed import says why', async t => {
  const failure = { code: 'VCENTER_UNREACHABLE', message: 'm', hint: 'h' }
  t.ok(Value.Check(CatalogView, { state: 'failed', servers: 0, failure }))
  t.notOk(Value.Check(CatalogView, { state: 'lost', servers: 0 }))
})
