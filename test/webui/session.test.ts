import t from 'tap'
import type { SessionView } from '../../webui/contract.ts'
import { request } from '../../webui/request.ts'
import { adoptSession, mayAs, noteSession, signOut } from '../../webui/session.ts'
import { fakeApi } from './fake-api.ts'

t.test('who has a role has those below it; nobody has none', async t => {
  t.ok(mayAs('administrator', 'operator'))
  t.ok(mayAs('operator', 'operator'))
  t.notOk(mayAs('support', 'operator'))
  t.notOk(mayAs(undefined, 'support'))
})

t.test('the CSRF value is that of the newest session, and none after signing out', async t => {
  const api = fakeApi({
    'DELETE /api/session': () => ({ status: 204 }),
    'GET /api/session': () => ({ body: { state: 'signedOut', setupComplete: true } satisfies SessionView }),
    'POST /api/x': () => ({ body: {} }),
  })
  t.teardown(api.stop)
  noteSession({ state: 'signedIn', setupComplete: true, csrf: 'one' })
  noteSession({ state: 'signedIn', setupComplete: true, csrf: 'two' })
  await request('POST', '/api/x')
  t.equal(api.asked[0]?.headers['x-hoist-csrf'], 'two')
  await signOut()
  t.equal(api.asked[1]?.headers['x-hoist-csrf'], 'two')
  await request('POST', '/api/x')
  t.equal(api.asked.at(-1)?.headers['x-hoist-csrf'], undefined)
})

t.test('a session of another window is the same person or somebody else', async t => {
  const account = { id: '1', name: 'anna', role: 'administrator' } as const
  let answer: SessionView = { state: 'signedIn', setupComplete: true, csrf: 'two', account }
  const api = fakeApi({ 'GET /api/session': () => ({ body: answer }) })
  t.teardown(api.stop)
  noteSession({ ...answer, csrf: 'one' })
  t.equal(await adoptSession(), true)
  answer = { ...answer, account: { ...account, id: '2' } }
  t.equal(await adoptSession(), false, 'somebody else')
  noteSession({ state: 'unclaimed', setupComplete: false, csrf: 'one' })
  t.equal(await adoptSession(), false, 'the password was made there')
  answer = { state: 'signedOut', setupComplete: true }
  t.equal(await adoptSession(), false, 'signed out there')
})
