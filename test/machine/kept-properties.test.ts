// What was found first holds for this system disk, whatever somebody puts in its place later; the setup code does not stay.
import { existsSync, lstatSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { areUnread, propertiesOnce, settleKept } from '../../appliance/machine/kept-properties.ts'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import { ovfEnvironment } from '../ova-vm/ovf-environment.ts'
import { hypervisorSays, labPrograms, labRoot } from './boot-lab.ts'

const signal = new AbortController().signal

/** Under VMware; guestinfo is what anybody has set last: `null` when it cannot be read. */
function machine(t: Test, given: string | undefined | null, disc?: string) {
  const root = labRoot(t.testdir())
  writeFileSync(join(root, 'sys/class/dmi/id/sys_vendor'), 'VMware, Inc.\n')
  const guest = { info: given }
  const { run } = labPrograms(disc === undefined ? [] : [{ path: '/dev/sr0', kind: 'rom' }], words => {
    if (words.startsWith('mount ')) writeFileSync(join(root, 'run/hoist-cdrom/ovf-env.xml'), disc ?? '')
    if (!words.startsWith('vm')) return undefined
    if (guest.info === null) throw hypervisorSays('NULL')
    if (guest.info === undefined) throw hypervisorSays()
    return guest.info
  })
  const said: string[] = []
  const files = machineFiles(root)
  const ground = { root, run, files, say: (text: string) => said.push(text) }
  const ask = async () => await propertiesOnce(ground, signal)
  const find = async () => {
    const { properties, findings, keep } = await ask()
    await keep()
    return { properties: Object.fromEntries(properties), findings }
  }
  const settle = () => settleKept(files)
  return { guest, said, files, ask, find, settle, root, kept: join(root, 'etc/hoist/deployment-properties.json') }
}

const own = ovfEnvironment({ hostname: 'own', setup_code: 'CANARY CODE 1' })
const attackers = ovfEnvironment({ ssh_key: 'of an attacker', setup_code: 'known to them' })
const first = { properties: { hostname: ['own'], setup_code: ['CANARY CODE 1'] }, findings: [] }
const none = { properties: {}, findings: [] }

t.test('properties that were found once hold, and only root reads them', async t => {
  const lab = machine(t, own)
  t.same(await lab.find(), first)
  t.equal(statSync(lab.kept).mode & 0o777, 0o600)
  for (const info of [attackers, 'unreadable', undefined, null]) {
    lab.guest.info = info
    t.same(await lab.find(), first)
  }
  t.notMatch(JSON.stringify(lab.said), /CANARY/)
})

t.test('so does that there were none', async t => {
  const lab = machine(t, undefined)
  t.same(await lab.find(), none)
  await lab.settle()
  lab.guest.info = attackers
  t.same(await lab.find(), none)
  t.notOk(await areUnread(lab.files))
})

t.test('what could not be read is asked for again; before the service has run, all of it counts', async t => {
  for (const info of ['unreadable', null]) {
    const lab = machine(t, info)
    t.match(await lab.ask(), {
      properties: new Map(),
      findings: [{ about: 'deployment', text: /^From guestinfo: .*\. Nothing was taken, and the next start asks/ }],
    })
    t.notOk(existsSync(lab.kept), 'a boot that is cut off has kept nothing')
    lab.guest.info = own
    t.same(await lab.find(), first)
  }
})

t.test('where another source has an environment without properties, it is known that there are none', async t => {
  const lab = machine(t, null, ovfEnvironment({}))
  t.match(await lab.find(), { properties: {}, findings: [{ text: /^From guestinfo: .* Another source was taken\.$/ }] })
  t.notOk(await areUnread(lab.files))
  t.equal(readFileSync(lab.kept, 'utf8'), '[]\n')
})

t.test(
  'once the service has run, what would let somebody in comes too late, and time servers and proxy do',
  async t => {
    const lab = machine(t, null)
    await lab.find()
    t.ok(await areUnread(lab.files))
    await lab.settle()
    t.match(await lab.find(), { properties: {}, findings: [{ about: 'deployment' }] })
    t.ok(await areUnread(lab.files), 'as often as it takes')
    const keys = { ssh_key: 'CANARY KEY', setup_code: 'CANARY CODE 1', ntp: 'CANARY', proxy: 'http://CANARY:1' }
    lab.guest.info = ovfEnvironment({ ...keys, hostname: 'own', dns: '' })
    const { properties, findings } = await lab.find()
    t.same(properties, { hostname: ['own'], dns: [''] })
    t.match(findings, [
      { about: 'setup_code', text: /and is not taken\.$/ },
      { about: 'ssh_key', text: /and is not taken: nobody can sign in by SSH/ },
      { about: 'ntp', text: /and is not taken: enter it/ },
      { about: 'proxy', text: /and is not taken: enter it/ },
    ])
    t.notMatch(JSON.stringify([findings, lab.said]) + readFileSync(lab.kept, 'utf8'), /CANARY/)
    t.notOk(await areUnread(lab.files))
    lab.guest.info = attackers
    t.same(await lab.find(), { properties, findings: [] })
    const empty = machine(t, null)
    await empty.find()
    empty.guest.info = ovfEnvironment({ ssh_key: ' ', setup_code: '', ntp: ' ' })
    t.same(await empty.find(), none, 'nothing was given')
  },
)

t.test('the setup code does not stay in what is kept; the rest does', async t => {
  const lab = machine(t, ovfEnvironment({ hostname: 'own', setup_code: 'CANARY CODE 1', ssh_key: 'k' }))
  await lab.find()
  await lab.settle()
  t.notMatch(readFileSync(lab.kept, 'utf8'), /CANARY|setup_code/)
  t.equal(statSync(lab.kept).mode & 0o777, 0o600)
  const rest = { properties: { hostname: ['own'], ssh_key: ['k'] }, findings: [] }
  t.same(await lab.find(), rest)
  const { ino } = statSync(lab.kept)
  await lab.settle()
  t.equal(statSync(lab.kept).ino, ino, 'written once')
  t.same(await lab.find(), rest, 'whatever guestinfo says still')
})

t.test('another system disk has kept nothing, and finds anew', async t => {
  const lab = machine(t, own)
  await lab.find()
  rmSync(lab.kept)
  lab.guest.info = ovfEnvironment({ hostname: 'new' })
  t.same(await lab.find(), { properties: { hostname: ['new'] }, findings: [] })
})

t.test('what was kept and is damaged lets nobody else in, and is not left to be read', async t => {
  const lab = machine(t, attackers)
  const damaged = { properties: {}, findings: [{ about: 'deployment', text: /damaged/ }] }
  for (const text of ['', '{}', '"x"', '[["a"]]', '[["a",[1]]]', '[["setup_code",["CANARY']) {
    writeFileSync(lab.kept, text)
    t.match(await lab.find(), damaged, text)
    await lab.settle()
    t.equal(readFileSync(lab.kept, 'utf8'), '', text)
    t.match(await lab.find(), damaged, 'still')
  }
})

t.test('what a link in the place of the kept ones points to is left as it is', async t => {
  const lab = machine(t, own)
  const other = join(lab.root, 'etc/passwd')
  const before = readFileSync(other, 'utf8')
  symlinkSync(other, lab.kept)
  t.match(await lab.find(), { findings: [{ text: /damaged/ }] })
  await lab.settle()
  t.ok(lstatSync(lab.kept).isFile())
  t.equal(readFileSync(other, 'utf8'), before)
})

t.test('where an image of before has kept nothing, nobody is asked later, and the key for SSH is kept', async t => {
  for (const [line, properties] of [
    ['ssh-ed25519 AAAA\n', { ssh_key: ['ssh-ed25519 AAAA'] }],
    [undefined, {}],
  ] as const) {
    const lab = machine(t, attackers)
    if (line !== undefined) await lab.files.write('sshKeys', line)
    await lab.settle()
    t.notOk(await areUnread(lab.files))
    t.same(await lab.find(), { properties, findings: [] })
    t.equal(statSync(lab.kept).mode & 0o777, 0o600)
  }
})
