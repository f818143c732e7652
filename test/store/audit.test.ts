// The audit log in the database: added to, read in pages, pruned at its end.
import t from 'tap'
import type { AuditRecord } from '../../appliance/store/audit.ts'
import { auditKept } from '../../appliance/store/migrations/0003-accounts.ts'
import { openAccess } from './access-rows.ts'

const record = (number: number): AuditRecord => ({
  at: '2026-03-01T00:00:00.000Z',
  actor: { kind: 'account', name: 'anna', id: 'a-1' },
  address: '192.0.2.1',
  method: 'PUT',
  route: '/api/policy',
  target: { number: String(number) },
  status: 200,
  outcome: 'done',
  before: { a: 1 },
  after: { a: 2 },
})

t.test('entries come back whole, newest first, in pages that new ones do not shift', async t => {
  const { audit } = openAccess(t)
  t.strictSame(await audit.list(), { items: [] })
  for (let number = 1; number <= 5; number++) await audit.add(record(number))
  const first = await audit.list({ limit: 2 })
  t.strictSame(first.items, [
    { ...record(5), id: '5' },
    { ...record(4), id: '4' },
  ])
  await audit.add(record(6))
  const second = await audit.list({ limit: 2, after: first.next })
  t.strictSame(
    second.items.map(item => item.id),
    ['3', '2'],
  )
  const third = await audit.list({ limit: 2, after: second.next })
  t.strictSame(
    third.items.map(item => item.id),
    ['1'],
  )
  t.equal(third.next, undefined)
  await t.rejects(audit.list({ after: 'x' }), { code: 'INVALID_REQUEST' })
})

t.test('its oldest entries go once there are more than are kept, and no others', async t => {
  const { audit, database } = openAccess(t)
  const fill = (count: number) =>
    database.write(sql => {
      for (let row = 0; row < count; row++)
        sql.run('INSERT INTO audit (document) VALUES (?)', JSON.stringify(record(row)))
    })
  fill(auditKept)
  t.equal(await audit.prune(), 0)
  fill(250)
  t.equal(await audit.prune(), 250)
  t.equal(await audit.prune(), 0)
  t.match((await audit.list({ limit: 1 })).items, [{ id: String(auditKept + 250) }])
  const oldest = database.read(sql => sql.get('SELECT min(id) AS id, count(*) AS number FROM audit'))
  t.match(oldest, { id: 251, number: auditKept })
})
