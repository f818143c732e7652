// API tokens: found by what the script holds, used, revoked.
import t from 'tap'
import { goodPassword, startAccessLab } from './access-lab.ts'

const lab = await startAccessLab()
t.teardown(() => lab.close())
const { tokens, accounts } = lab.access
const { id: anna } = await accounts.create({ name: 'anna', role: 'operator', password: goodPassword })

t.test('a token is found by its secret, and by nothing that is stored', async t => {
  const { token, secret } = await tokens.create(anna, { name: 'ci', readOnly: true })
  t.match(secret, /^hoist_[\w-]{43}$/)
  t.match(await tokens.find(secret), {
    id: token.id,
    name: 'ci',
    readOnly: true,
    account: { name: 'anna', role: 'operator' },
  })
  for (const wrong of ['', token.id, secret.slice(6), `${secret}x`, secret.toUpperCase()])
    t.equal(await tokens.find(wrong), undefined)
})

t.test('its use is noted once a minute', async t => {
  const { token, secret } = await tokens.create(anna, { name: 'used', readOnly: false })
  const lastUse = async () => (await tokens.list(anna)).find(item => item.id === token.id)?.lastUsedAt
  t.equal(await lastUse(), undefined)
  await tokens.find(secret)
  const first = await lastUse()
  lab.clock.add(59_000)
  await tokens.find(secret)
  t.equal(await lastUse(), first)
  lab.clock.add(1_000)
  await tokens.find(secret)
  t.not(await lastUse(), first)
})

t.test('only its owner, or who sees all, revokes it', async t => {
  const { token, secret } = await tokens.create(anna, { name: 'x', readOnly: false })
  await t.rejects(tokens.revoke('somebody', token.id), { code: 'NOT_FOUND' })
  t.equal(await tokens.isLive(token.id), true)
  await tokens.revoke(anna, token.id)
  t.equal(await tokens.isLive(token.id), false)
  t.equal(await tokens.find(secret), undefined)
  await t.rejects(tokens.revoke(undefined, token.id), { code: 'NOT_FOUND' })
})

t.test('one that a script on the appliance made belongs to no account', async t => {
  const { token } = await tokens.create(undefined, { name: 'local', readOnly: false })
  t.equal(token.account, undefined)
  t.notOk((await tokens.list(anna)).some(item => item.id === token.id))
  t.ok((await tokens.list(undefined)).some(item => item.id === token.id))
  await accounts.remove(anna)
  t.strictSame(
    (await tokens.list(undefined)).map(item => item.name),
    ['local'],
    'and those of an account go with it',
  )
})
