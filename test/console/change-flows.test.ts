import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  changeNetwork,
  changeProxy,
  changeTime,
  resetPassword,
  switchSsh,
  switchUpdates,
} from '../../appliance/console/change-flows.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { consoleLab } from './console-lab.ts'

const all = { changeNetwork, changeProxy, changeTime, resetPassword, switchSsh, switchUpdates }
const accounts = {
  status: 200,
  body: {
    items: [
      { name: 'bob', role: 'support' },
      { name: 'anna', role: 'administrator' },
    ],
  },
}

t.test('Escape goes back from every screen, and nothing is changed before the y', async t => {
  const directory = t.testdir()
  for (const [name, flow] of Object.entries(all)) {
    const lab = await consoleLab(join(directory, name))
    lab.answers.set('GET /api/system', { status: 200, body: {} }).set('GET /api/accounts', accounts)
    t.equal(await lab.play(flow, '{escape}'), 'ended', name)
    t.equal(await lab.play(flow, 'n{escape}'), 'ended', name)
    t.strictSame([lab.verbs, lab.passwords], [[], []])
    t.strictSame(
      lab.asked.filter(({ method }) => method !== 'GET'),
      [],
    )
    t.strictSame([lab.terminal.cutLines, lab.terminal.screen.faults], [[], []], name)
  }
})

t.test('a new name and address are summed up, asked for and told, and the new URL is shown', async t => {
  const lab = await consoleLab(t.testdir())
  const script =
    '{clear}h1.example.com{enter}{right}{enter}{clear}192.0.2.20/24{enter}{clear}192.0.2.1{enter}{enter}192.0.2.53{enter}{enter}{enter}'
  t.equal(await lab.play(changeNetwork, `${script}{enter}y{enter}`), 'ended')
  t.match(lab.verbs, [
    { verb: 'hostname', name: 'h1.example.com' },
    { verb: 'network', ipv4: { address: '192.0.2.20', prefixLength: 24, gateway: '192.0.2.1' }, dns: ['192.0.2.53'] },
  ])
  const question = lab.terminal.screens.find(screen => screen.includes('Apply? (y/n)'))
  t.match(question, /IPv4 +192\.0\.2\.20\/24, gateway 192\.0\.2\.1[\s\S]*address may change/)
  t.match(lab.terminal.screens.at(-1), /The change is in force/)
  t.match(
    lab.asked.map(({ body }) => Object(body)),
    [
      { act: 'hostname', outcome: 'done' },
      { act: 'network', outcome: 'done', values: { IPv4: /192\.0\.2\.20/ } },
    ],
  )
  t.strictSame([lab.terminal.cutLines, lab.terminal.screen.faults], [[], []])
})

t.test('who goes from DHCP to static keeps its DNS servers, or is warned before it is done', async t => {
  const lab = await consoleLab(t.testdir())
  const resolve = join(lab.parts.root, 'run/systemd/resolve')
  mkdirSync(resolve, { recursive: true })
  mkdirSync(join(lab.parts.root, 'etc'), { recursive: true })
  writeFileSync(join(lab.parts.root, 'etc/resolv.conf'), 'nameserver 127.0.0.53\noptions edns0\n')
  writeFileSync(join(resolve, 'resolv.conf'), 'nameserver 192.0.2.53\nnameserver 192.0.2.54\nsearch .\n')
  const toDns = '{down}{right}{enter}{clear}192.0.2.20/24{enter}{clear}192.0.2.1{enter}{enter}'
  t.equal(await lab.play(changeNetwork, `${toDns}{enter}{enter}{enter}y{enter}`), 'ended')
  t.match(lab.verbs, [{ verb: 'network', ipv4: { address: '192.0.2.20' }, dns: ['192.0.2.53', '192.0.2.54'] }])
  const question = () => lab.terminal.screens.findLast(screen => screen.includes('Apply? (y/n)')) ?? ''
  t.notMatch(question(), /NO DNS SERVER/)
  t.equal(await lab.play(changeNetwork, `${toDns}{clear}{enter}{enter}{enter}n`), 'ended')
  t.equal(lab.verbs.length, 1)
  t.match(question(), /NO DNS SERVER is given\. Unless the router of IPv6 names one, vCenter, AWS/)
  t.equal(await lab.play(changeNetwork, `${toDns}{clear}{enter}{enter}{enter}y{enter}`), 'ended')
  t.match(lab.verbs[1], { verb: 'network', ipv4: { address: '192.0.2.20' }, dns: [] })
  t.strictSame([lab.terminal.cutLines, lab.terminal.screen.faults], [[], []])
})

t.test('what is set already changes nothing', async t => {
  const lab = await consoleLab(t.testdir())
  await lab.play(changeNetwork, '{down}{down}{down}{down}{down}{enter}{enter}')
  t.match(lab.terminal.screens.at(-1), /Nothing is changed/)
  t.strictSame(lab.verbs, [])
})

t.test("the helper's refusal is thrown for the screen to show, and told", async t => {
  const fail = new ApplianceError('MACHINE_FAILED', 'It failed.', { hint: 'Try again.' })
  const lab = await consoleLab(t.testdir(), { fail })
  await t.rejects(lab.play(changeTime, 'ntp.example.com{enter}{enter}y'), fail)
  t.match(lab.asked.at(-1)?.body, { act: 'time', outcome: 'failed', error: 'MACHINE_FAILED' })
})

t.test('time servers are set, and wrong ones are refused in their field', async t => {
  const lab = await consoleLab(t.testdir(), { state: { timeServers: ['old.example.com'] } })
  await lab.play(changeTime, '{clear}a_b{enter}{enter}{clear}ntp1.example.com, 192.0.2.1{enter}{enter}y{enter}')
  t.ok(lab.terminal.screens.some(screen => /One of them is neither/.test(screen)))
  t.strictSame(lab.verbs, [{ verb: 'time', servers: ['ntp1.example.com', '192.0.2.1'] }])
  t.match(lab.terminal.screens.join('\n'), /\[old\.example\.com /)
})

t.test("a proxy is the service's to prove; its password is neither shown nor told", async t => {
  const lab = await consoleLab(t.testdir())
  lab.answers
    .set('GET /api/system', {
      status: 200,
      body: { proxy: { url: 'http://old:3128', username: 'joe', hasPassword: true } },
    })
    .set('PUT /api/system/proxy', { status: 200, body: {} })
  await lab.play(
    changeProxy,
    '{clear}ftp://x{enter}{enter}{enter}{enter}{clear}http://new:3128{enter}{enter}s3cret-word{enter}{enter}y{enter}',
  )
  t.ok(lab.terminal.screens.some(screen => screen.includes('Write it as http://host:port.')))
  t.match(lab.asked.find(({ method }) => method === 'PUT')?.body, {
    url: 'http://new:3128',
    username: 'joe',
    password: 's3cret-word',
  })
  t.notMatch(lab.terminal.screens.join(), /s3cret/)
  t.notMatch(JSON.stringify(lab.asked.filter(({ path }) => path === '/api/local/console')), /s3cret/)
  t.strictSame(lab.verbs, [])
  lab.answers.set('PUT /api/system/proxy', { status: 502, body: { message: 'AWS does not answer.', hint: 'Look.' } })
  await t.rejects(lab.play(changeProxy, '{down}{down}{down}{enter}y'), {
    message: 'AWS does not answer.',
    hint: 'Look.',
  })
  lab.answers.delete('GET /api/system')
  await t.rejects(lab.play(changeProxy, ''), { code: 'SERVICE_SILENT' })
})

t.test('SSH and updates are switched to what they are not', async t => {
  const view = { kind: 'ssh-ed25519', bits: 256, fingerprint: `SHA256:${'x'.repeat(43)}`, comment: 'anna@desk' }
  const lab = await consoleLab(t.testdir(), { state: { ssh: false, sshKey: true, sshKeys: [view], updates: true } })
  await lab.play(switchSsh, 'y{enter}')
  t.match(lab.terminal.screens.join('\n'), /SHA256:x{43} anna@desk/)
  t.strictSame(lab.terminal.cutLines, [])
  await lab.play(switchUpdates, 'y{enter}')
  t.strictSame(lab.verbs, [
    { verb: 'ssh', enabled: true },
    { verb: 'updates', enabled: false },
  ])
})

t.test('SSH is not switched on for nobody; what is on without a key can be switched off', async t => {
  const off = await consoleLab(t.testdir(), { state: { ssh: false, sshKey: false } })
  t.equal(await off.play(switchSsh, 'y{enter}'), 'ended')
  t.match(off.terminal.screens.join('\n'), /stays off: there is no public key[\s\S]*property\s+ssh_key/)
  t.strictSame(off.verbs, [])
  const on = await consoleLab(join(t.testdirName, 'on'), { state: { ssh: true, sshKey: false } })
  await on.play(switchSsh, 'y{enter}')
  t.match(on.terminal.screens.join('\n'), /nobody can sign in/)
  t.strictSame(on.verbs, [{ verb: 'ssh', enabled: false }])
})

t.test('a password is typed twice without an echo, and reset for the account that was chosen', async t => {
  const lab = await consoleLab(t.testdir())
  lab.answers.set('GET /api/accounts', accounts)
  await lab.play(
    resetPassword,
    '{enter}long enough word{enter}long enough{enter}{enter}{clear}long enough word{enter}{enter}y{enter}',
  )
  t.ok(lab.terminal.screens.some(screen => screen.includes('The two are not the same.')))
  t.strictSame(lab.passwords, [['anna', 'long enough word']])
  t.notMatch(lab.terminal.screens.join(), /long/)
  t.match(lab.asked.at(-1)?.body, { act: 'reset-password', outcome: 'done', values: { name: 'anna' } })
  t.notMatch(JSON.stringify(lab.asked), /long enough/)
})

t.test('while the service is silent the name is typed; before there is an account the code is the way', async t => {
  const lab = await consoleLab(t.testdir())
  await lab.play(resetPassword, 'zoe{enter}long enough word{enter}long enough word{enter}{enter}y{enter}')
  t.strictSame(lab.passwords, [['zoe', 'long enough word']])
  lab.answers.set('GET /api/accounts', { status: 200, body: { items: [] } })
  await lab.play(resetPassword, '{enter}')
  t.match(lab.terminal.screens.at(-1), /enter the setup code/)
})
