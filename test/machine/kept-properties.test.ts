// What was found first holds for this system disk, whatever somebody puts in its place later.
import { existsSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { propertiesOnce } from '../../appliance/machine/kept-properties.ts'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import { ovfEnvironment } from '../ova-vm/ovf-environment.ts'
import { labPrograms, labRoot } from './boot-lab.ts'

const signal = new AbortController().signal

/** Under VMware; guestinfo is what anybody has set last. */
function machine(t: Test, given: string | undefined) {
  const root = labRoot(t.testdir())
  writeFileSync(join(root, 'sys/class/dmi/id/sys_vendor'), 'VMware, Inc.\n')
  const guest = { info: given }
  const { run } = labPrograms([], words => {
    if (!words.startsWith('vmware-rpctool')) return undefined
    if (guest.info === undefined) throw new Error('No value found')
    return guest.info
  })
  const said: string[] = []
  const ground = { root, run, files: machineFiles(root), say: (text: string) => said.push(text) }
  const find = async () => {
    const { properties, unreadable } = await propertiesOnce(ground, signal)
    return { properties: Object.fromEntries(properties), unreadable }
  }
  return { guest, said, find, kept: join(root, 'etc/hoist/deployment-properties.json') }
}

const own = ovfEnvironment({ hostname: 'own', setup_code: 'CANARY CODE 1' })
const attackers = ovfEnvironment({ ssh_key: 'of an attacker', setup_code: 'known to them' })
const first = { properties: { hostname: ['own'], setup_code: ['CANARY CODE 1'] }, unreadable: [] }

t.test('properties that were found once hold, and only root reads them', async t => {
  const lab = machine(t, own)
  t.same(await lab.find(), first)
  t.equal(statSync(lab.kept).mode & 0o777, 0o600)
  for (const info of [attackers, 'unreadable', undefined]) {
    lab.guest.info = info
    t.same(await lab.find(), first)
  }
  t.notMatch(JSON.stringify(lab.said), /CANARY/)
})

t.test('so does that there were none', async t => {
  const lab = machine(t, undefined)
  t.same(await lab.find(), { properties: {}, unreadable: [] })
  lab.guest.info = attackers
  t.same(await lab.find(), { properties: {}, unreadable: [] })
})

t.test('what was there and could not be read is asked for again', async t => {
  const lab = machine(t, 'unreadable')
  t.match(await lab.find(), { properties: {}, unreadable: [/^From guestinfo: /] })
  t.notOk(existsSync(lab.kept))
  lab.guest.info = own
  t.same(await lab.find(), first)
})

t.test('another system disk has kept nothing, and finds anew', async t => {
  const lab = machine(t, own)
  await lab.find()
  rmSync(lab.kept)
  lab.guest.info = ovfEnvironment({ hostname: 'new' })
  t.same(await lab.find(), { properties: { hostname: ['new'] }, unreadable: [] })
})

t.test('what was kept and is damaged lets nobody else in', async t => {
  const lab = machine(t, attackers)
  for (const text of ['', '{}', '[["a"]]', '[["a",[1]]]', '[["ssh_key"']) {
    writeFileSync(lab.kept, text)
    t.match(await lab.find(), { properties: {}, unreadable: [/damaged/] }, text)
  }
})
