// The way back from the console: on the database when the appliance stands still, through the appliance when it runs.
import { mkdtemp, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import { accessService } from '../appliance/accounts/access-service.ts'
import { createApp } from '../appliance/app.ts'
import { resetPassword } from '../appliance/reset-password.ts'
import { openStore } from '../appliance/store/store.ts'
import { goodPassword, otherPassword } from './accounts/access-lab.ts'
import { siteConfig } from './site.ts'

const stderr = { write: () => true }
const piped = (text: string) => ({ stdin: Readable.from([text]) as never, stderr })

async function start(t: Test) {
  const dataDir = await mkdtemp(join(tmpdir(), 'hoist-reset-'))
  t.teardown(() => rm(dataDir, { recursive: true, force: true }))
  const store = await openStore(dataDir)
  const access = accessService(store, { now: () => new Date() })
  await access.accounts.create({ name: 'Anna', role: 'administrator', password: goodPassword })
  for (let time = 0; time < 5; time++) await access.accounts.signIn('anna', 'x', `${time}`).catch(() => undefined)
  store.close()
  return siteConfig(dataDir)
}
const signsIn = async (dataDir: string, password: string) => {
  const store = await openStore(dataDir)
  try {
    const access = accessService(store, { now: () => new Date() })
    const outcome = await access.accounts.signIn('anna', password, 'here').then(
      () => 'in',
      (thrown: { code: string }) => thrown.code,
    )
    return { outcome, audit: (await store.audit.list()).items }
  } finally {
    store.close()
  }
}

t.test('while the appliance stands still', async t => {
  const config = await start(t)
  t.match(await resetPassword(config, ['anna'], piped(`${otherPassword}\nmore\n`)), /anna is changed.*lock is lifted/)
  const { outcome, audit } = await signsIn(config.dataDir, otherPassword)
  t.equal(outcome, 'in')
  t.match(audit, [{ actor: { kind: 'local', name: 'the console' }, target: { name: 'anna' }, outcome: 'done' }])
  t.notOk(JSON.stringify(audit).includes(otherPassword))
})

t.test('while it runs', async t => {
  const config = await start(t)
  const app = await createApp(config, pino({ level: 'silent' }))
  t.teardown(() => app.stop())
  await app.api.listen({ host: '127.0.0.1', port: 0 })
  const running = { ...config, host: '0.0.0.0', port: (app.api.server.address() as AddressInfo).port }
  await t.rejects(resetPassword(running, ['anna'], piped('short\n')), {
    code: 'PASSWORD_WEAK',
    message: /12 characters/,
  })
  await t.rejects(resetPassword(running, ['bert'], piped(otherPassword)), { code: 'NOT_FOUND', hint: /Anna/ })
  t.match(await resetPassword(running, ['anna'], piped(otherPassword)), /is changed/)
  const answer = await app.api.inject({
    method: 'POST',
    url: '/api/session',
    payload: { name: 'anna', password: otherPassword },
  })
  t.equal(answer.statusCode, 200)
  t.equal(await app.setupCode(), undefined)
  t.comment('elsewhere nobody answers')
  await t.rejects(resetPassword({ ...running, port: 1 }, ['anna'], piped(otherPassword)), {
    code: 'STORE_LOCKED',
    hint: /Stop the appliance/,
  })
})

t.test('what is missing, wrong or broken off changes nothing', async t => {
  const config = await start(t)
  for (const args of [[], ['a', 'b']])
    await t.rejects(resetPassword(config, args, piped('x')), { code: 'INVALID_REQUEST', hint: /Usage/ })
  for (const text of ['', '\n', `${otherPassword}\u0003`])
    await t.rejects(resetPassword(config, ['anna'], piped(text)), { code: 'INVALID_REQUEST' })
  await t.rejects(resetPassword(config, ['nobody'], piped(otherPassword)), { code: 'NOT_FOUND', hint: /Anna/ })
  t.equal((await signsIn(config.dataDir, otherPassword)).outcome, 'SIGN_IN_LOCKED')
})

t.test('asked how it is used it says so, and changes nothing', async t => {
  const config = await start(t)
  for (const args of [['--help'], ['anna', '--help']])
    t.match(await resetPassword(config, args, piped(otherPassword)), /^Usage: npm run reset-password -- NAME/)
  t.equal((await signsIn(config.dataDir, otherPassword)).outcome, 'SIGN_IN_LOCKED')
})

t.test('what is typed at a terminal is not shown, and can be mended', async t => {
  const config = await start(t)
  const raw: boolean[] = []
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => raw.push(on) })
  let shown = ''
  const terminal = { stdin, stderr: { write: (text: string) => (shown += text) } }
  const done = resetPassword(config, ['anna'], terminal)
  for (const key of [...otherPassword, 'x', 'y', '\u007f', '\b', '\r']) stdin.write(key)
  await done
  t.strictSame(raw, [true, false])
  t.equal(shown, 'New password for anna: \n')
  t.equal((await signsIn(config.dataDir, otherPassword)).outcome, 'in')
})
