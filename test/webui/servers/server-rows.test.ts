import t from 'tap'
import { filterRows, noFilter, sortRows, toRow } from '../../../webui/servers/server-rows.ts'
import { server } from '../samples.ts'

const refusal = { severity: 'refusal', code: 'TEMPLATE', message: 'm', hint: 'h' } as const
const warning = { severity: 'warning', code: 'VTPM', message: 'm', hint: 'h' } as const
const nic = { key: 1, label: 'n', mac: 'm', network: 'n', connected: true, addresses: ['10.9.8.7'] }
const rows = [
  server('web10', { nics: [nic] }),
  server('web2', { powerState: 'poweredOff', findings: [warning] }),
  server('Alpha', { path: '/dc/vm/Finance/Alpha', findings: [warning, refusal] }),
].map(toRow)
const names = (of: readonly { name: string }[]) => of.map(({ name }) => name)
const none = new Set<string>()

t.test('a search finds every word, in name, folder, guest and addresses, whatever the case', async t => {
  const found = (search: string) => names(filterRows(rows, { ...noFilter, search }, none))
  t.strictSame(found('WEB'), ['web10', 'web2'])
  t.strictSame(found('finance alp'), ['Alpha'])
  t.strictSame(found('10.9'), ['web10'])
  t.strictSame(found('web finance'), [])
  t.equal(filterRows(rows, noFilter, none), rows, 'without a filter nothing is copied')
})

t.test('filters go together', async t => {
  const found = (changes: object) => names(filterRows(rows, { ...noFilter, ...changes }, new Set(['id-web2'])))
  t.strictSame(found({ readiness: 'refusal' }), ['Alpha'])
  t.strictSame(found({ readiness: 'warning', power: 'poweredOff' }), ['web2'])
  t.strictSame(found({ job: 'with' }), ['web2'])
  t.strictSame(found({ job: 'without', search: 'web' }), ['web10'])
})

t.test('names are sorted as people count', async t => {
  t.strictSame(names(sortRows(rows, { column: 'name', descending: false })), ['Alpha', 'web2', 'web10'])
  t.strictSame(names(sortRows(rows, { column: 'readiness', descending: false })), ['Alpha', 'web2', 'web10'])
  t.strictSame(names(sortRows(rows, { column: 'nothing', descending: false })), names(rows))
})

t.test('ten thousand servers are searched within a few milliseconds', async t => {
  const many = Array.from({ length: 10_000 }, (_, index) => toRow(server(`vm-${index}`)))
  const startedAtMs = performance.now()
  t.equal(filterRows(many, { ...noFilter, search: 'vm-9 debian' }, none).length, 1111)
  t.ok(performance.now() - startedAtMs < 50)
})
