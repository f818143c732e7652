import t from 'tap'
import { entryWords } from '../../../webui/audit/entry-words.ts'
import type { AuditEntry } from '../../../webui/contract.ts'

const known = { job: (id: string) => (id === 'j1' ? 'web01' : undefined), run: () => 'db01' }

function entry(line: string, changes: Partial<AuditEntry> = {}): AuditEntry {
  const [method = '', route = ''] = line.split(' ')
  return {
    id: '1',
    at: '2026-03-01T08:00:00Z',
    actor: { kind: 'account', name: 'anna' },
    address: '::1',
    method,
    route,
    target: {},
    status: 200,
    outcome: 'done',
    ...changes,
  }
}

t.test('an entry says in words what was done, and to what', async t => {
  const job = { target: { id: 'j1' } }
  t.equal(entryWords(entry('POST /api/jobs/:id/runs', job), known), 'Started a run of web01')
  t.equal(entryWords(entry('POST /api/runs/:id/cancel', { target: { id: 'r' } }), known), 'Cancelled a run of db01')
  const before = { serverName: 'gone01' }
  t.equal(entryWords(entry('DELETE /api/jobs/:id', { ...job, before }), known), 'Deleted a job of gone01')
  const account = { before: { name: 'bert' }, request: { role: 'operator' } }
  t.equal(entryWords(entry('PATCH /api/accounts/:id', account), known), 'Changed an account: bert')
  const step = { target: { id: 'vcenter' } }
  t.equal(entryWords(entry('PUT /api/setup/steps/:id', step), known), 'Finished a step of the setup: vCenter')
  t.equal(entryWords(entry('GET /api/support/bundle'), known), 'Downloaded a log bundle')
  const backup = { target: { name: 'a.db' } }
  t.equal(entryWords(entry('POST /api/backups/:name/export', backup), known), 'Exported a backup: a.db')
})

t.test('what is not known any more is left out, and a route without words is shown as it is', async t => {
  const other = { target: { id: 'j2' } }
  t.equal(entryWords(entry('POST /api/jobs/:id/runs', other), known), 'Started a run')
  t.equal(entryWords(entry('POST /api/new'), known), 'POST /api/new')
})
