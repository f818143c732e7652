// The audit log on the wire.
import t from 'tap'
import Value from 'typebox/value'
import { AuditEntry, AuditPage } from '../../../appliance/api/schemas/audit.ts'
import type { AuditEntry as Stored } from '../../../appliance/store/audit.ts'

const entry: Required<Stored> = {
  id: '7',
  at: '2026-03-01T00:00:00.000Z',
  actor: { kind: 'account', name: 'anna', id: 'a' },
  address: '192.0.2.1',
  method: 'PATCH',
  route: '/api/jobs/:id',
  target: { id: 'j' },
  status: 409,
  outcome: 'refused',
  code: 'JOB_EXISTS',
  request: { a: [1, { b: null }] },
  before: 'text',
  after: {},
}

t.test('an entry of the store is one of the API, with all it can have and with the least', async t => {
  t.ok(Value.Check(AuditEntry, entry))
  const { code: _code, request: _request, before: _before, after: _after, ...least } = entry
  t.ok(Value.Check(AuditPage, { items: [least, entry], next: 'x' }))
  for (const kind of ['account', 'token', 'local', 'setup', 'nobody'] as const) {
    const actor: Stored['actor'] = { kind, name: 'x' }
    t.ok(Value.Check(AuditEntry, { ...entry, actor }), kind)
  }
  for (const changes of [
    { outcome: 'maybe' },
    { actor: { kind: 'root', name: 'x' } },
    { target: { id: 1 } },
    { secret: 'x' },
  ])
    t.notOk(Value.Check(AuditEntry, { ...entry, ...changes }))
})
