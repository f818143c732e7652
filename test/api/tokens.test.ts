// API tokens by the API: shown once, each its maker's own, gone when revoked.
import t from 'tap'
import { startAccessApi } from './access-api.ts'

const { browser, signedIn, lab, close } = await startAccessApi()
t.teardown(close)
const anna = await signedIn('administrator', 'anna')
const bert = await signedIn('operator', 'bert')

interface Made {
  id: string
  token: string
}
interface List {
  items: { id: string; name: string; lastUsedAt?: string; account?: { name: string } }[]
}
const make = async (who: typeof anna, readOnly: boolean) =>
  (await who.ask<Made>('POST', '/api/tokens', { name: 'ci', readOnly })).body
const as = (token: string) => ({ authorization: `Bearer ${token}`, cookie: undefined })

t.test('a token is shown once, may what its maker may, and needs no CSRF value', async t => {
  const { id, token } = await make(bert, false)
  t.match(token, /^hoist_[\w-]{43}$/)
  t.notOk(JSON.stringify((await bert.ask('GET', '/api/tokens')).body).includes(token))
  const script = browser()
  t.not((await script.ask('POST', '/api/catalog/import', undefined, as(token))).status, 403)
  t.equal((await script.ask('PUT', '/api/policy', {}, as(token))).status, 403)
  t.match((await script.ask('GET', '/api/session', undefined, as(token))).body, { account: { role: 'operator' } })
  t.match((await bert.ask<List>('GET', '/api/tokens')).body.items, [{ id, lastUsedAt: '2026-03-01T08:00:00.000Z' }])
  const role = { role: 'support' } as const
  const { id: account } = (await lab.access.accounts.list()).find(item => item.name === 'bert') ?? { id: '' }
  await lab.access.accounts.change(account, role)
  t.equal((await script.ask('POST', '/api/catalog/import', undefined, as(token))).status, 403, 'it follows its maker')
  await lab.access.accounts.change(account, { role: 'operator' })
})

t.test('a read-only token reads', async t => {
  const { token } = await make(anna, true)
  const script = browser()
  t.equal((await script.ask('GET', '/api/accounts', undefined, as(token))).status, 200)
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'] as const) {
    const url = { POST: '/api/catalog/import', PUT: '/api/policy', PATCH: '/api/jobs/x', DELETE: '/api/jobs/x' }[method]
    t.match(await script.ask(method, url, {}, as(token)), {
      status: 403,
      body: { code: 'FORBIDDEN', message: /read only/ },
    })
  }
})

t.test('a revoked token opens nothing; whose it is decides who may revoke it', async t => {
  const again = await signedIn('operator', 'bert')
  const mine = await make(again, true)
  const theirs = await make(anna, true)
  t.equal((await again.ask('DELETE', `/api/tokens/${theirs.id}`)).status, 404)
  t.notOk((await again.ask<List>('GET', '/api/tokens')).body.items.some(item => item.id === theirs.id))
  t.ok((await anna.ask<List>('GET', '/api/tokens')).body.items.some(item => item.account?.name === 'bert'))
  t.equal((await browser().ask('DELETE', `/api/tokens/${mine.id}`, undefined, as(mine.token))).status, 403)
  t.equal((await anna.ask('DELETE', `/api/tokens/${mine.id}`)).status, 204)
  t.equal((await browser().ask('GET', '/api/tokens', undefined, as(mine.token))).status, 401)
  t.equal((await browser().ask('GET', '/api/tokens', undefined, as(theirs.token))).status, 200)
  t.equal((await anna.ask('DELETE', `/api/tokens/${mine.id}`)).status, 404)
})

t.test('a token that is nearly right is none', async t => {
  const { token } = await make(anna, true)
  for (const wrong of [token.slice(0, -1), `${token}x`, token.toLowerCase(), token.slice(6), `hoist_${token}`])
    t.equal((await browser().ask('GET', '/api/tokens', undefined, as(wrong))).status, 401)
})

t.test('an account has at most a hundred', async t => {
  const carl = await signedIn('support', 'carl')
  for (let number = 0; number < 100; number++)
    t.equal((await carl.ask('POST', '/api/tokens', { name: `${number}`, readOnly: true })).status, 201)
  t.equal((await carl.ask('POST', '/api/tokens', { name: 'one more', readOnly: true })).status, 400)
})
