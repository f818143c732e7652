// Accounts by the API: made, changed, removed, with all that ends with them.
import t from 'tap'
import { goodPassword, otherPassword } from '../accounts/access-lab.ts'
import { startAccessApi } from './access-api.ts'

const { browser, signedIn, close } = await startAccessApi()
t.teardown(close)
const anna = await signedIn('administrator', 'anna')

interface View {
  id: string
  name: string
  role: string
  lastSignInAt?: string
}
const list = async () => (await anna.ask<{ items: View[] }>('GET', '/api/accounts')).body.items
const idOf = async (name: string) => (await list()).find(item => item.name === name)?.id ?? 'none'

t.test('an account is made, signs in, and is shown without its password', async t => {
  const made = await anna.ask('POST', '/api/accounts', { name: 'Bert', role: 'operator', password: goodPassword })
  t.match(made, { status: 201, body: { name: 'Bert', role: 'operator' } })
  t.match(Object.keys(made.body), ['id', 'name', 'role', 'createdAt'])
  t.equal((await browser().signIn('bert', goodPassword)).status, 200)
  t.match(await list(), [{ name: 'anna' }, { name: 'Bert', lastSignInAt: '2026-03-01T08:00:00.000Z' }])
})

t.test('a name is there once, whatever its case, and is no markup', async t => {
  const body = { name: 'BERT', role: 'support', password: goodPassword }
  t.match(await anna.ask('POST', '/api/accounts', body), { status: 409, body: { code: 'ACCOUNT_EXISTS' } })
  for (const name of ['', ' x', '<script>', 'a/b', '-x', 'ä', 'x'.repeat(65), 'a\nb'])
    t.equal((await anna.ask('POST', '/api/accounts', { ...body, name })).status, 400, name)
  t.equal((await anna.ask('POST', '/api/accounts', { ...body, name: 'x', role: 'root' })).status, 400)
  t.equal((await anna.ask('POST', '/api/accounts', { ...body, name: 'x', password: 'qwertyuiop123' })).status, 422)
})

t.test('a new role ends the sessions of the account, and holds from then on', async t => {
  const bert = await signedIn('operator', 'Bert')
  t.equal((await bert.ask('POST', '/api/catalog/import')).status === 403, false)
  t.equal((await anna.ask('PATCH', `/api/accounts/${await idOf('Bert')}`, { role: 'support' })).status, 200)
  t.equal((await bert.ask('GET', '/api/tokens')).status, 401)
  const again = await signedIn('support', 'Bert')
  t.equal((await again.ask('POST', '/api/catalog/import')).status, 403)
  t.equal((await anna.ask('PATCH', `/api/accounts/${await idOf('Bert')}`, { role: 'support' })).status, 200)
  t.equal((await again.ask('GET', '/api/tokens')).status, 200, 'the same role again changes nothing')
})

t.test('a password set by an administrator ends the sessions, too', async t => {
  const bert = await signedIn('support', 'Bert')
  const id = await idOf('Bert')
  t.equal((await anna.ask('PATCH', `/api/accounts/${id}`, { password: 'short' })).status, 422)
  t.equal((await anna.ask('PATCH', `/api/accounts/${id}`, { password: otherPassword })).status, 200)
  t.equal((await bert.ask('GET', '/api/tokens')).status, 401)
  t.equal((await browser().signIn('Bert', otherPassword)).status, 200)
})

t.test('one administrator stays', async t => {
  const id = await idOf('anna')
  t.match(await anna.ask('PATCH', `/api/accounts/${id}`, { role: 'operator' }), {
    body: { code: 'LAST_ADMINISTRATOR' },
  })
  t.match(await anna.ask('DELETE', `/api/accounts/${id}`), { status: 409, body: { code: 'LAST_ADMINISTRATOR' } })
  t.equal((await anna.ask('GET', '/api/accounts')).status, 200)
})

t.test('a deleted account leaves no session and no token behind', async t => {
  const carl = await signedIn('operator', 'carl')
  const { token } = (await carl.ask<{ token: string }>('POST', '/api/tokens', { name: 'ci', readOnly: false })).body
  const script = browser()
  const authorization = `Bearer ${token}`
  t.equal((await script.ask('GET', '/api/tokens', undefined, { authorization })).status, 200)
  t.equal((await anna.ask('DELETE', `/api/accounts/${await idOf('carl')}`)).status, 204)
  t.equal((await carl.ask('GET', '/api/tokens')).status, 401)
  t.equal((await script.ask('GET', '/api/tokens', undefined, { authorization })).status, 401)
  t.equal((await browser().signIn('carl', goodPassword)).status, 401)
  t.equal((await anna.ask('DELETE', '/api/accounts/none')).status, 404)
  t.equal((await anna.ask('PATCH', '/api/accounts/none', { unlock: true })).status, 404)
})

t.test('a patch of nothing, or of something else, is refused', async t => {
  const id = await idOf('Bert')
  for (const body of [{}, { name: 'x' }, { unlock: false }, { role: null }, { passwordHash: 'x' }])
    t.equal((await anna.ask('PATCH', `/api/accounts/${id}`, body)).status, 400, JSON.stringify(body))
})
