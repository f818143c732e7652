// The routes of the machine over the real root helper: each change, each refusal, who may, and what the audit log keeps.

import { pino } from 'pino'
import t from 'tap'
import type { MachineView } from '../../appliance/api/schemas/machine.ts'
import { composeMachine } from '../../appliance/app-machine.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { machineClient } from '../../appliance/machine/client.ts'
import type { Verb } from '../../appliance/machine/verbs.ts'
import { goodPassword } from '../accounts/access-lab.ts'
import { samplePublicKey } from '../machine/sample-verbs.ts'
import { startAccessApi } from './access-api.ts'
import { startHelperLab } from './helper-lab.ts'
import { apiToken } from './memory-api.ts'

const helper = await startHelperLab()
let changes = 0
let runs: string[] = []
const store = {
  settings: { getProxy: async () => undefined },
  secrets: { get: async () => undefined },
  runs: { active: async () => runs.map(serverName => ({ serverName })) },
} as unknown as Parameters<typeof composeMachine>[0]['store']
const { service } = composeMachine({
  socket: helper.socket,
  store,
  changed: () => {
    changes += 1
  },
  log: pino({ level: 'silent' }),
})
const { api, lab, browser, signedIn, close } = await startAccessApi({ machine: service })
t.teardown(async () => {
  await close()
  await helper.close()
})
const admin = await signedIn('administrator')
const view = async () => (await admin.ask<MachineView>('GET', '/api/machine')).body
const automatic = { ipv4: { method: 'dhcp' }, ipv6: { method: 'automatic' }, dns: [], searchDomains: [] }
const fixed = {
  ipv4: { method: 'static', address: '192.0.2.5', prefixLength: 24, gateway: '192.0.2.1' },
  ipv6: { method: 'static', address: '2001:db8::5', prefixLength: 64, gateway: 'fe80::1' },
  dns: ['192.0.2.53'],
  searchDomains: ['example.com'],
}

t.test('a machine that nobody has set yet is as its image is', async t => {
  t.match(await view(), {
    settings: { network: automatic, time: { servers: [] }, ssh: { enabled: false }, updates: { enabled: true } },
    sshKey: false,
    findings: [],
  })
})

t.test('each setting is written to its file, put in force, and shown as it is now', async t => {
  const put = async (what: string, body: object) => {
    helper.ran.length = 0
    const { status } = await admin.ask('PUT', `/api/machine/${what}`, body)
    t.equal(status, 204, what)
    return helper.ran
  }
  t.strictSame(await put('network', fixed), ['/usr/bin/networkctl reload'])
  t.match(helper.file('etc/systemd/network/20-hoist.network'), /Address=192\.0\.2\.5\/24\nGateway=192\.0\.2\.1/)
  t.strictSame(await put('hostname', { name: 'hoist-7.example.com' }), ['/usr/bin/hostname --file /etc/hostname'])
  t.equal(helper.file('etc/hostname'), 'hoist-7.example.com\n')
  t.match(await put('time', { servers: ['ntp.example.com'] }), [/restart systemd-timesyncd/])
  t.match(helper.file('etc/systemd/timesyncd.conf.d/20-hoist.conf'), /NTP=ntp\.example\.com/)
  t.match(await admin.ask('PUT', '/api/machine/ssh', { enabled: true }), {
    status: 409,
    body: { code: 'SSH_KEY_MISSING', hint: /property ssh_key/ },
  })
  t.equal(helper.file('etc/hoist/firewall/ssh.nft'), undefined)
  helper.put('etc/hoist/ssh-authorized-keys', `${samplePublicKey}\n`)
  t.match(await view(), { sshKey: true, sshKeys: [{ kind: 'ssh-ed25519', bits: 256, comment: 'anna@desk' }] })
  t.match((await put('ssh', { enabled: true })).join(), /enable --now ssh\.service/)
  t.match(helper.file('etc/hoist/firewall/ssh.nft'), /tcp dport 22 accept/)
  await put('updates', { enabled: false })
  t.strictSame((await view()).settings, {
    network: fixed,
    hostname: { name: 'hoist-7.example.com' },
    time: { servers: ['ntp.example.com'] },
    ssh: { enabled: true },
    updates: { enabled: false },
  })
  t.equal(changes, 5, 'checks that stand on it are asked again each time')
  t.match((await put('ssh', { enabled: false })).join(), /disable --now ssh\.service/)
  t.equal(helper.file('etc/hoist/firewall/ssh.nft'), undefined)
  await put('time', { servers: [] })
  await put('updates', { enabled: true })
  await put('network', automatic)
  t.match((await view()).settings, { network: automatic, ssh: { enabled: false }, updates: { enabled: true } })
})

t.test('what the first boot could not use, and a key for SSH, are told', async t => {
  helper.put('etc/hoist/first-boot-findings.json', JSON.stringify([{ about: 'ipv4', text: 'No address.' }]))
  helper.put('etc/hoist/ssh-authorized-keys', 'ssh-ed25519 AAAA anna\n')
  t.match(await view(), { findings: [{ about: 'ipv4', text: 'No address.' }], sshKey: true })
})

t.test('a key is brought by a deployment alone: whoever has the service can set none', async t => {
  const before = helper.file('etc/hoist/ssh-authorized-keys')
  const routed = await api.inject({
    method: 'PUT',
    url: '/api/machine/ssh-key',
    headers: { authorization: `Bearer ${apiToken}` },
    payload: { publicKey: samplePublicKey },
  })
  t.equal(routed.statusCode, 404)
  const client = machineClient(helper.socket)
  const asked = { verb: 'sshKey', publicKey: samplePublicKey } as unknown as Verb
  await t.rejects(client.ask(asked, AbortSignal.timeout(10_000)), { code: 'INVALID_REQUEST' })
  t.equal(helper.file('etc/hoist/ssh-authorized-keys'), before)
})

t.test('what would cut the appliance off for good is refused, and nothing is written', async t => {
  helper.ran.length = 0
  const before = helper.file('etc/systemd/network/20-hoist.network')
  const of4 = (ipv4: object) => ({ ...automatic, ipv4: { method: 'static', prefixLength: 24, ...ipv4 } })
  const refused: [string, object, RegExp][] = [
    ['network', { ...automatic, ipv4: { method: 'off' }, ipv6: { method: 'off' } }, /nobody could reach/],
    ['network', of4({ address: '192.0.2.5', gateway: '198.51.100.1' }), /not in the network of 192\.0\.2\.5\/24/],
    ['network', of4({ address: '192.0.2.5', gateway: '192.0.2.5' }), /the appliance itself/],
    ['network', of4({ address: '127.0.0.1' }), /no address that a machine can have/],
    ['network', of4({ address: '192.0.2.255' }), /broadcast address/],
    [
      'network',
      of4({ address: '192.0.2.5', gateway: '192.0.2.0' }),
      /gateway 192\.0\.2\.0 is the address of its network/,
    ],
    ['network', of4({ address: '2001:db8::1' }), /none of its kind/],
    ['network', of4({ address: '1.2.3' }), /none of its kind/],
    ['network', of4({ address: 'x y' }), /pattern/],
    ['network', of4({ address: '192.0.2.5', prefixLength: 33 }), /<= 32/],
    ['network', { ...automatic, dns: ['ns.example.com'] }, /./],
    ['network', { ...automatic, dns: ['1.2'] }, /DNS server/],
    ['network', { ...automatic, searchDomains: ['a b'] }, /pattern/],
    ['network', { ...automatic, extra: true }, /additional/],
    ['network', { verb: 'reset', ...automatic }, /additional/],
    ['hostname', { name: 'a_b' }, /pattern/],
    ['hostname', { name: '' }, /./],
    ['hostname', { name: 'x\ny' }, /pattern/],
    ['hostname', { name: 'localhost' }, /every machine means itself/],
    ['hostname', { name: '10.0.0.5' }, /ends in a number/],
    ['time', { servers: ['1.2.3'] }, /time server 1\.2\.3 is neither/],
    ['time', { servers: ['a;b'] }, /./],
    ['ssh', { enabled: 'yes' }, /boolean/],
    ['updates', {}, /required/],
    ['ssh', { enabled: true, publicKey: samplePublicKey }, /additional/],
  ]
  for (const [what, body, message] of refused)
    t.match(
      await admin.ask('PUT', `/api/machine/${what}`, body),
      { status: 400, body: { code: 'INVALID_REQUEST', message } },
      JSON.stringify(body),
    )
  t.strictSame(helper.ran, [])
  t.equal(helper.file('etc/systemd/network/20-hoist.network'), before)
})

t.test("a program's failure is told by the helper's own words", async t => {
  helper.programs.run = async () => {
    throw new ApplianceError('MACHINE_FAILED', 'networkctl failed: no bus', { hint: 'Look at the journal.' })
  }
  t.match(await admin.ask('PUT', '/api/machine/network', automatic), {
    status: 500,
    body: { code: 'MACHINE_FAILED', message: 'networkctl failed: no bus', hint: 'Look at the journal.' },
  })
  helper.programs.run = async () => {
    throw new Error('what nobody should see')
  }
  const { status, body } = await admin.ask('PUT', '/api/machine/network', automatic)
  t.equal(status, 500)
  t.notMatch(JSON.stringify(body), /nobody should see/)
  helper.programs.run = async () => ''
})

t.test('the service and the machine are restarted', async t => {
  helper.ran.length = 0
  for (const what of ['service', 'machine'])
    t.match(await admin.ask('POST', '/api/machine/restart', { what }), { status: 202, body: { begun: true } })
  t.strictSame(helper.ran, [
    '/usr/bin/systemctl --no-block restart hoist.service',
    '/usr/bin/systemctl --no-block reboot',
  ])
  t.match(await admin.ask('POST', '/api/machine/restart', { what: 'vcenter' }), { status: 400 })
})

t.test('while runs are under way it takes force, and the answer names them', async t => {
  helper.ran.length = 0
  runs = ['web-1']
  const refused = { status: 409, body: { code: 'RUNS_UNDER_WAY', message: 'A run is under way: web-1.' } }
  const erase = { confirm: 'erase everything', password: goodPassword }
  t.match(await admin.ask('POST', '/api/machine/restart', { what: 'machine' }), refused)
  t.match(await admin.ask('POST', '/api/machine/reset', erase), refused)
  t.match(await admin.ask('POST', '/api/machine/reset', { ...erase, force: 'yes' }), { status: 400 })
  t.equal(helper.file('etc/hoist/factory-reset'), undefined)
  t.strictSame(helper.ran, [])
  t.match(await admin.ask('POST', '/api/machine/restart', { what: 'service' }), { status: 202 })
  t.match(await admin.ask('POST', '/api/machine/restart', { what: 'machine', force: true }), { status: 202 })
  t.equal(helper.ran.length, 2)
  runs = []
})

t.test('a factory reset wants the words, and the password of the person who asks', async t => {
  helper.ran.length = 0
  const confirm = 'erase everything'
  const reset = (body: object) => admin.ask('POST', '/api/machine/reset', body)
  t.match(await reset({ password: goodPassword }), { status: 400 })
  t.match(await reset({ confirm: 'Erase Everything', password: goodPassword }), { status: 400 })
  t.match(await reset({ confirm, password: 'wrong' }), { status: 403, body: { code: 'PASSWORD_WRONG' } })
  t.equal(helper.file('etc/hoist/factory-reset'), undefined)
  const script = await api.inject({
    method: 'POST',
    url: '/api/machine/reset',
    headers: { authorization: `Bearer ${apiToken}` },
    payload: { confirm, password: goodPassword },
  })
  t.match(script.json(), { code: 'FORBIDDEN', hint: /console/ })
  const other = await signedIn('operator')
  t.match(await other.ask('POST', '/api/machine/reset', { confirm, password: goodPassword }), { status: 403 })
  t.strictSame(helper.ran, [])
  t.match(await reset({ confirm, password: goodPassword }), { status: 202, body: { begun: true } })
  t.equal(helper.file('etc/hoist/factory-reset'), '')
  t.strictSame(helper.ran, ['/usr/bin/systemctl --no-block reboot'])
})

t.test('guesses of the password lock the account as failed sign-ins do', async t => {
  const second = await signedIn('administrator', 'second')
  const guess = () => second.ask('POST', '/api/machine/reset', { confirm: 'erase everything', password: 'guess' })
  let answer = await guess()
  for (let tries = 0; tries < 20 && answer.status === 403; tries++) answer = await guess()
  t.match(answer, { status: 429, body: { code: 'SIGN_IN_LOCKED' } })
})

t.test('administrators change the machine; support and operators look at it; strangers do neither', async t => {
  for (const role of ['operator', 'support'] as const) {
    const person = await signedIn(role)
    t.equal((await person.ask('GET', '/api/machine')).status, 200)
    t.equal((await person.ask('PUT', '/api/machine/ssh', { enabled: true })).status, 403)
  }
  t.equal((await browser().ask('GET', '/api/machine')).status, 401)
  t.equal((await browser().ask('PUT', '/api/machine/ssh', { enabled: true })).status, 401)
})

t.test('the audit log keeps what it was before and after, and no password', async t => {
  await view()
  await admin.ask('PUT', '/api/machine/network', fixed)
  const { items } = await lab.access.audit.list({ limit: 200 })
  const entry = items.find(({ route }) => route === '/api/machine/network')
  t.match(entry, { outcome: 'done', actor: { name: 'administrator' }, before: automatic, after: fixed })
  const resets = items.filter(({ route }) => route === '/api/machine/reset')
  t.ok(resets.some(({ outcome }) => outcome === 'done'))
  t.ok(resets.some(({ code }) => code === 'PASSWORD_WRONG'))
  t.notMatch(JSON.stringify(items), new RegExp(goodPassword))
})
