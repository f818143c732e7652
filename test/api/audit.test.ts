// The audit log by the API: newest first, in pages.
import t from 'tap'
import type { AuditEntry } from '../../appliance/api/schemas/audit.ts'
import { startAccessApi } from './access-api.ts'

const { signedIn, close } = await startAccessApi()
t.teardown(close)

t.test('pages follow each other without a gap or a repetition', async t => {
  const anna = await signedIn('administrator', 'anna')
  for (const name of ['a', 'b', 'c']) await anna.ask('POST', '/api/tokens', { name, readOnly: true })
  const names: unknown[] = []
  let after = ''
  for (;;) {
    const { body } = await anna.ask<{ items: AuditEntry[]; next?: string }>('GET', `/api/audit?limit=2${after}`)
    names.push(...body.items.map(({ route, request }) => Reflect.get(Object(request), 'name') ?? route))
    if (body.next === undefined) break
    after = `&after=${body.next}`
  }
  t.strictSame(names, ['c', 'b', 'a', '/api/session'])
})

t.test('it is for administrators, and a cursor of another listing is refused', async t => {
  t.equal((await (await signedIn('operator')).ask('GET', '/api/audit')).status, 403)
  const anna = await signedIn('administrator', 'anna')
  for (const query of ['after=x', 'limit=0', 'limit=501', 'from=1'])
    t.equal((await anna.ask('GET', `/api/audit?${query}`)).status, 400, query)
})

t.test('nobody can change or delete an entry', async t => {
  const anna = await signedIn('administrator', 'anna')
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    for (const url of ['/api/audit', '/api/audit/1']) {
      const answer = await anna.ask(method, url).catch((thrown: Error) => thrown.message)
      t.match(typeof answer === 'string' ? answer : `answered ${answer.status}`, /answered 404/)
    }
  }
})
