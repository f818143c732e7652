// What each verb does to the machine: its files and its programs, and no others.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readFindings, writeFindings } from '../../appliance/machine/findings.ts'
import { perform } from '../../appliance/machine/perform.ts'
import type { Verb } from '../../appliance/machine/verbs.ts'
import { labMachine, tree } from './machine-lab.ts'
import { samplePublicKey, staticNetwork } from './sample-verbs.ts'

const signal = new AbortController().signal
const expected: [verb: Verb, ran: string[], files: string[]][] = [
  [staticNetwork, ['/usr/bin/networkctl reload'], ['etc/systemd/network/20-hoist.network']],
  [
    { verb: 'time', servers: ['ntp.example.com'] },
    ['/usr/bin/systemctl restart systemd-timesyncd.service'],
    ['etc/systemd/timesyncd.conf.d/20-hoist.conf'],
  ],
  [{ verb: 'time', servers: [] }, ['/usr/bin/systemctl restart systemd-timesyncd.service'], []],
  [{ verb: 'hostname', name: 'hoist' }, ['/usr/bin/hostname --file /etc/hostname'], ['etc/hostname', 'etc/hosts']],
  [
    { verb: 'ssh', enabled: true },
    ['/usr/bin/systemctl enable --now ssh.service', '/usr/bin/systemctl reload nftables.service'],
    ['etc/hoist/firewall/ssh.nft', 'etc/hoist/ssh-authorized-keys'],
  ],
  [
    { verb: 'ssh', enabled: false },
    ['/usr/bin/systemctl reload nftables.service', '/usr/bin/systemctl disable --now ssh.service'],
    [],
  ],
  [{ verb: 'proxy', url: 'http://p:1' }, [], ['etc/apt/apt.conf.d/20hoist-proxy']],
  [{ verb: 'proxy' }, [], []],
  [{ verb: 'restart', what: 'service' }, ['/usr/bin/systemctl --no-block restart hoist.service'], []],
  [{ verb: 'restart', what: 'machine' }, ['/usr/bin/systemctl --no-block reboot'], []],
  [
    { verb: 'reset', confirm: 'erase everything' },
    ['/usr/bin/systemctl --no-block reboot'],
    ['etc/hoist/factory-reset'],
  ],
]

t.test('each verb writes its files and runs its programs', async t => {
  for (const [verb, ran, files] of expected) {
    const root = t.testdir()
    const machine = labMachine(root)
    if (verb.verb === 'ssh' && verb.enabled) await machine.performer.files.write('sshKeys', samplePublicKey)
    t.same(await perform(verb, machine.performer, signal), {})
    t.same(machine.ran, ran, JSON.stringify(verb))
    t.same(Object.keys(tree(root)), files, JSON.stringify(verb))
  }
})

t.test('what an administrator sets ends the findings of what the deployment had of it, and no others', async t => {
  const { performer } = labMachine(t.testdir())
  const { files } = performer
  const about = ['ipv4_address', 'dns', 'hostname', 'ntp', 'ssh_key', 'secrets']
  await writeFindings(
    files,
    about.map(one => ({ about: one, text: 'x' })),
  )
  const left = async (verb: Verb) => {
    await perform(verb, performer, signal)
    return (await readFindings(files)).map(finding => finding.about)
  }
  t.same(await left({ verb: 'updates', enabled: true }), about)
  t.same(await left(staticNetwork), ['hostname', 'ntp', 'ssh_key', 'secrets'])
  t.same(await left({ verb: 'hostname', name: 'hoist' }), ['ntp', 'ssh_key', 'secrets'])
  t.same(await left({ verb: 'time', servers: [] }), ['ssh_key', 'secrets'])
})

t.test('what one verb has written, another takes away', async t => {
  const root = t.testdir()
  const { performer } = labMachine(root)
  const pairs: [Verb, Verb][] = [
    [
      { verb: 'time', servers: ['a'] },
      { verb: 'time', servers: [] },
    ],
    [{ verb: 'proxy', url: 'http://p' }, { verb: 'proxy' }],
  ]
  for (const [on, off] of pairs) {
    await perform(on, performer, signal)
    t.equal(Object.keys(tree(root)).length, 1)
    await perform(off, performer, signal)
    t.same(tree(root), {})
  }
})

t.test('SSH is not switched on for nobody, and is switched off whoever may sign in', async t => {
  const root = t.testdir()
  const { performer, ran } = labMachine(root)
  await t.rejects(perform({ verb: 'ssh', enabled: true }, performer, signal), {
    code: 'SSH_KEY_MISSING',
    statusCode: 409,
    hint: /property ssh_key/,
  })
  t.same([ran, tree(root)], [[], {}])
  await performer.files.write('sshKeys', `${samplePublicKey}\n`)
  t.equal(statSync(join(root, 'etc/hoist/ssh-authorized-keys')).mode & 0o777, 0o600)
  await perform({ verb: 'ssh', enabled: true }, performer, signal)
  await performer.files.remove('sshKeys')
  t.same(Object.keys(tree(root)), ['etc/hoist/firewall/ssh.nft'])
  await perform({ verb: 'ssh', enabled: false }, performer, signal)
  t.same(tree(root), {})
})

t.test('an upgrade answers with its version, and leaves the rest for afterwards', async t => {
  const { performer, uploads, ran } = labMachine(t.testdir())
  const { result, afterwards } = await perform({ verb: 'upgrade', file: 'a.tar' }, performer, signal)
  t.same(result, { version: '1.1.0' })
  t.type(afterwards, 'function')
  t.same(uploads, ['a.tar'])
  t.same(ran, [])
})

t.test('a program that fails fails the verb', async t => {
  const { performer } = labMachine(t.testdir())
  const failing = { ...performer, run: () => Promise.reject(new Error('no networkd')) }
  await t.rejects(perform(staticNetwork, failing, signal), /no networkd/)
})
