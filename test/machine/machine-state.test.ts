// What is set is read back as it was asked for, without passwords.
import t from 'tap'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import { isMachineState, readMachineState } from '../../appliance/machine/machine-state.ts'
import { perform } from '../../appliance/machine/perform.ts'
import { labMachine } from './machine-lab.ts'
import { samplePublicKey, sampleVerbs } from './sample-verbs.ts'

const signal = new AbortController().signal

t.test('a machine that nobody has touched is as the image has it', async t => {
  const state = await readMachineState(machineFiles(t.testdir()))
  t.same(state, {
    network: { ipv4: { method: 'dhcp' }, ipv6: { method: 'automatic' }, dns: [], searchDomains: [] },
    networkConfigured: false,
    timeServers: [],
    ssh: false,
    sshKey: false,
    sshKeys: [],
    updates: true,
    findings: [],
  })
  t.ok(isMachineState(state))
  for (const other of [undefined, {}, { ...state, ssh: 1 }]) t.notOk(isMachineState(other))
})

t.test('every verb that sets something is told by the state', async t => {
  for (const verb of sampleVerbs) {
    const root = t.testdir()
    const { performer } = labMachine(root)
    if (verb.verb === 'ssh') await performer.files.write('sshKeys', samplePublicKey)
    await perform(verb, performer, signal)
    const state = await readMachineState(performer.files)
    t.ok(isMachineState(state))
    const { verb: name, ...given } = verb
    if (verb.verb === 'network') t.same([state.network, state.networkConfigured], [given, true])
    if (verb.verb === 'time') t.same(state.timeServers, verb.servers)
    if (verb.verb === 'hostname') t.equal(state.hostname, verb.name)
    if (verb.verb === 'ssh') t.equal(state.ssh, verb.enabled)
    if (verb.verb === 'updates') t.equal(state.updates, verb.enabled)
    if (verb.verb === 'proxy') t.equal(state.proxy?.url, verb.url?.replace(/\/$/, ''), name)
  }
})

t.test('of a proxy, user name and that there is a password are told, and not the password', async t => {
  const { performer } = labMachine(t.testdir())
  await perform({ verb: 'proxy', url: 'http://p:3128', username: 'anna "b"', password: 'CANARY' }, performer, signal)
  const { result } = await perform({ verb: 'state' }, performer, signal)
  t.match(result, { state: { proxy: { url: 'http://p:3128', username: 'anna "b"', hasPassword: true } } })
  t.notMatch(JSON.stringify(result), /CANARY/)
})

t.test('a key for SSH is told, a comment is none', async t => {
  const files = machineFiles(t.testdir())
  await files.write('sshKeys', '# none\n\n')
  t.equal((await readMachineState(files)).sshKey, false)
  await files.write('sshKeys', `# of anna\n${samplePublicKey}\nssh-ed25519 AAAA\n`)
  const state = await readMachineState(files)
  t.equal(state.sshKey, true)
  t.match(state.sshKeys, [
    { kind: 'ssh-ed25519', bits: 256, fingerprint: /^SHA256:[A-Za-z0-9+/]{43}$/, comment: 'anna@desk' },
  ])
  t.equal(state.sshKeys?.length, 1, 'what is understood')
  const { sshKeys: _newer, ...ofFormerRelease } = state
  t.ok(isMachineState(ofFormerRelease))
})
