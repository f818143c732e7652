// Where properties come from, in their order, and what a source may not do.
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { maxEnvironmentBytes } from '../../appliance/machine/ovf-environment.ts'
import { findProperties } from '../../appliance/machine/property-sources.ts'
import { type RunProgram, runProgram } from '../../appliance/machine/run-program.ts'
import { ovfEnvironment } from '../ova-vm/ovf-environment.ts'
import { hypervisorSays, labPrograms, labRoot } from './boot-lab.ts'

const signal = new AbortController().signal

function machine(t: Test, disc?: (place: string) => void) {
  const root = labRoot(t.testdir())
  const said: string[] = []
  const guest: { env?: string } = {}
  const place = join(root, 'run/hoist-cdrom')
  const { run, ran } = labPrograms([{ path: '/dev/sr0', kind: 'rom' }], words => {
    if (words.startsWith('vmware-rpctool')) {
      if (guest.env === undefined) throw hypervisorSays()
      return guest.env
    }
    if (words.startsWith('mount')) {
      if (!disc) throw new Error('no medium found')
      disc(place)
    }
    if (words.startsWith('umount')) for (const name of readdirSync(place)) unlinkSync(join(place, name))
    return undefined
  })
  const entry = (name: string, text: string) => {
    const directory = join(root, 'sys/firmware/qemu_fw_cfg/by_name', name)
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'raw'), text)
  }
  const vmware = () => writeFileSync(join(root, 'sys/class/dmi/id/sys_vendor'), 'VMware, Inc.\n')
  const find = async () => {
    const { properties, unreadable } = await findProperties({ root, run, say: text => said.push(text) }, signal)
    return { hostname: properties?.get('hostname')?.[0], unreadable }
  }
  return { root, run, said, ran, guest, entry, vmware, find }
}

const onDisc =
  (text: string, name = 'ovf-env.xml') =>
  (place: string) =>
    writeFileSync(join(place, name), text)
const named = (hostname: string) => ovfEnvironment({ hostname })

t.test('guestinfo comes first, under VMware only', async t => {
  const lab = machine(t, onDisc(named('disc')))
  lab.guest.env = named('guest')
  t.match(await lab.find(), { hostname: 'disc' })
  t.notOk(lab.ran.some(words => words.startsWith('vmware-rpctool')))
  lab.vmware()
  t.match(await lab.find(), { hostname: 'guest' })
  t.equal(lab.ran.at(-1), 'vmware-rpctool info-get guestinfo.ovfEnv')
})

t.test('a disc is mounted read-only, and let go', async t => {
  const lab = machine(t, onDisc(named('disc'), 'OVF_ENV.XML'))
  lab.vmware()
  t.match(await lab.find(), { hostname: 'disc' })
  const place = join(lab.root, 'run/hoist-cdrom')
  t.same(lab.ran.slice(-2), [
    `mount --types iso9660 --options ro,nodev,nosuid,noexec /dev/sr0 ${place}`,
    `umount ${place}`,
  ])
  t.same(readdirSync(join(lab.root, 'run')), [])
})

t.test('a disc that cannot be let go has been read all the same', async t => {
  const lab = machine(t, onDisc(named('disc')))
  const stuck: RunProgram = async (file, ...more) => {
    if (file.endsWith('/umount')) throw new Error('CANARY: target is busy')
    return await lab.run(file, ...more)
  }
  const ground = { root: lab.root, run: stuck, say: (text: string) => lab.said.push(text) }
  const { properties, unreadable } = await findProperties(ground, signal)
  t.same([properties?.get('hostname'), unreadable], [['disc'], []])
  t.match(lab.said, [/^the CD-ROM stays mounted: /, /1 from the CD-ROM$/])
})

t.test('a disc that is too long, a link or without the file gives nothing', async t => {
  const long = machine(t, onDisc(' '.repeat(2 * maxEnvironmentBytes)))
  t.match(await long.find(), { hostname: undefined, unreadable: [/From the CD-ROM: .*more than 65536 bytes/] })
  const secret = join(t.testdir({ secret: named('secret') }), 'secret')
  const link = machine(t, place => symlinkSync(secret, join(place, 'ovf-env.xml')))
  t.match(await link.find(), { hostname: undefined, unreadable: [] })
  const other = machine(t, onDisc(named('x'), 'user-data'))
  t.match(await other.find(), { hostname: undefined, unreadable: [] })
})

t.test('firmware counts only where a test says that it is one, and never under VMware', async t => {
  const lab = machine(t)
  lab.entry('opt/guestinfo.ovfEnv', named('firmware'))
  t.match(await lab.find(), { hostname: undefined })
  lab.entry('opt/hoist/test', '0')
  t.match(await lab.find(), { hostname: undefined })
  lab.entry('opt/hoist/test', '1\n')
  t.match(await lab.find(), { hostname: 'firmware' })
  lab.vmware()
  t.match(await lab.find(), { hostname: undefined })
})

t.test('a source that cannot be read is told, and the next one is asked', async t => {
  const lab = machine(t, onDisc(named('disc')))
  lab.vmware()
  lab.guest.env = 'CANARY'
  t.match(await lab.find(), { hostname: 'disc', unreadable: [/^From guestinfo: /] })
  t.notMatch(JSON.stringify([lab.said, (await lab.find()).unreadable]), /CANARY/)
})

/** A machine under VMware whose programs are these scripts; one without a script is not there. Without a disc, its drive is empty. */
function underVmware(t: Test, scripts: { rpctool?: string; vmtoolsd?: string }, disc?: string) {
  const lab = machine(t, disc === undefined ? undefined : onDisc(disc))
  lab.vmware()
  const asked = join(lab.root, 'asked')
  for (const [name, script] of Object.entries({ 'vmware-rpctool': scripts.rpctool, vmtoolsd: scripts.vmtoolsd })) {
    if (script === undefined) continue
    const lines = ['#!/bin/sh', `echo "${name} $*" >> ${asked}`, script]
    writeFileSync(join(lab.root, name), `${lines.join('\n')}\n`, { mode: 0o755 })
  }
  const run: RunProgram = async (file, args, signal) => {
    const name = file.split('/').at(-1) ?? ''
    if (!/^vm(ware-rpctool|toolsd)$/.test(name)) return await lab.run(file, args, signal)
    return await runProgram(join(lab.root, name), args, signal)
  }
  const said: string[] = []
  const say = (text: string) => said.push(text)
  const find = async (answerWithinMs = 60_000, given = signal) => {
    const { properties, unreadable } = await findProperties({ root: lab.root, run, say, answerWithinMs }, given)
    return { hostname: properties?.get('hostname')?.[0], unreadable }
  }
  const words = () => (existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : [])
  return { find, said, words }
}

const prints = (text: string) => `cat <<'END'\n${text}\nEND`
const fails = (words: string, status = 1) => `echo '${words}' >&2; exit ${status}`
const none = fails('No value found')
/** With a child that keeps its output open. */
const hangs = 'sleep 20 & wait'
const [first, second] = ['vmware-rpctool info-get guestinfo.ovfEnv', 'vmtoolsd --cmd info-get guestinfo.ovfEnv']

t.test('a value is taken from the first program, and the second is not asked', async t => {
  const lab = underVmware(t, { rpctool: prints(named('guest')), vmtoolsd: prints(named('other')) })
  t.same(await lab.find(), { hostname: 'guest', unreadable: [] })
  t.same(lab.words(), [first])
})

t.test('only the words of the hypervisor mean that there is none', async t => {
  const lab = underVmware(t, { rpctool: none, vmtoolsd: prints(named('other')) })
  t.same(await lab.find(), { hostname: undefined, unreadable: [] })
  t.same(lab.words(), [first])
  const warned = underVmware(t, { rpctool: fails('GLib-WARNING: CANARY\nNo value found') })
  t.same(await warned.find(), { hostname: undefined, unreadable: [] })
  const flawed = ['Failed sending message to VMware.', 'NULL', '', 'Permission denied', 'key: No value found, or not']
  for (const words of flawed) {
    const other = underVmware(t, { rpctool: fails(words), vmtoolsd: fails(words) })
    t.match(
      (await other.find()).unreadable,
      [/^From guestinfo: vmware-rpctool ended with status 1, and vmtoolsd/],
      words,
    )
    t.same(other.words(), [first, second])
  }
  const killed = underVmware(t, { rpctool: 'kill -9 $$' })
  t.match((await killed.find()).unreadable, [/: vmware-rpctool could not be run to its end\.$/])
  const status = underVmware(t, { rpctool: fails('No value found', 3), vmtoolsd: fails('No value found', 3) })
  t.match((await status.find()).unreadable, [/status 3, and vmtoolsd ended with status 3\.$/])
})

t.test('an empty value counts as none, and is told', async t => {
  for (const rpctool of ['echo', 'true']) {
    const lab = underVmware(t, { rpctool }, named('disc'))
    t.same(await lab.find(), { hostname: 'disc', unreadable: [] })
    t.same(lab.words(), [first])
    t.match(lab.said, [/^guestinfo has an empty value/, /1 from the CD-ROM$/])
  }
})

t.test('what the first program cannot tell, the second does', async t => {
  for (const rpctool of [fails('NULL'), 'kill -9 $$', 'head -c 1073741824 /dev/zero', undefined]) {
    const parts = rpctool === undefined ? {} : { rpctool }
    const value = underVmware(t, { ...parts, vmtoolsd: prints(named('fallback')) })
    t.same(await value.find(), { hostname: 'fallback', unreadable: [] }, rpctool ?? 'not there')
    t.equal(value.words().at(-1), second)
    const nothing = underVmware(t, { ...parts, vmtoolsd: none }, named('disc'))
    t.same(await nothing.find(), { hostname: 'disc', unreadable: [] }, rpctool ?? 'not there')
  }
})

t.test('a program that hangs is given up, and so is the second', async t => {
  const started = Date.now()
  const lab = underVmware(t, { rpctool: hangs, vmtoolsd: prints(named('fallback')) })
  t.same(await lab.find(4_000), { hostname: 'fallback', unreadable: [] })
  const both = underVmware(t, { rpctool: hangs, vmtoolsd: hangs }, named('disc'))
  const why = 'gave no answer within 0.5 seconds'
  t.same(await both.find(500), {
    hostname: 'disc',
    unreadable: [`From guestinfo: vmware-rpctool ${why}, and vmtoolsd ${why}.`],
  })
  t.ok(Date.now() - started < 30_000)
})

t.test(
  'where neither can tell, the disc may; and where it has nothing, that is no proof that there is none',
  async t => {
    const scripts = { rpctool: fails('NULL'), vmtoolsd: fails('CANARY', 2) }
    const unreadable = [/^From guestinfo: vmware-rpctool ended with status 1, and vmtoolsd ended with status 2\.$/]
    const lab = underVmware(t, scripts, named('disc'))
    t.match(await lab.find(), { hostname: 'disc', unreadable })
    const empty = underVmware(t, scripts)
    const found = await empty.find()
    t.match(found, { hostname: undefined, unreadable })
    t.notMatch(JSON.stringify([found, empty.said]), /CANARY/)
  },
)

t.test('without open-vm-tools there is no guestinfo; where one of its programs fails, there may be', async t => {
  t.same(await underVmware(t, {}, named('disc')).find(), { hostname: 'disc', unreadable: [] })
  t.match((await underVmware(t, { rpctool: fails('NULL') }).find()).unreadable, [
    /: vmware-rpctool ended with status 1\.$/,
  ])
  t.match((await underVmware(t, { vmtoolsd: fails('NULL') }).find()).unreadable, [/: vmtoolsd ended with status 1\.$/])
})

t.test('garbage that ends well, and more than anybody may write, count as unreadable', async t => {
  for (const script of [
    'echo No value found',
    'echo CANARY',
    'head -c 20000 /dev/urandom',
    prints(`${named('x')}${named('y')}`),
  ]) {
    const lab = underVmware(t, { rpctool: script, vmtoolsd: prints(named('other')) })
    const { hostname, unreadable } = await lab.find()
    t.equal(hostname, undefined)
    t.match(unreadable, [/^From guestinfo: The properties of the deployment cannot be read: /])
    t.notMatch(JSON.stringify([unreadable, lab.said]), /CANARY/)
  }
  const endless = underVmware(t, { rpctool: 'yes', vmtoolsd: 'head -c 1073741824 /dev/zero' })
  t.match((await endless.find()).unreadable, [
    /: vmware-rpctool has more than 65536 bytes, and vmtoolsd has more than 65536 bytes\.$/,
  ])
})

t.test('whoever stops the boot is not taken for a source that cannot be read', async t => {
  const lab = underVmware(t, { rpctool: hangs })
  await t.rejects(lab.find(60_000, AbortSignal.timeout(200)), { name: 'TimeoutError' })
})

t.test('a drive that hangs, or a disc that breaks off, stops nobody', async t => {
  const lab = machine(t)
  const late = async (): Promise<string> => {
    throw new DOMException('late', 'TimeoutError')
  }
  const hung: RunProgram = async (file, ...more) =>
    file.endsWith('/mount') ? await late() : await lab.run(file, ...more)
  const ground = { root: lab.root, say: () => undefined }
  t.match(await findProperties({ ...ground, run: hung }, signal), {
    unreadable: [/^From the CD-ROM: it could not be mounted/],
  })
  t.ok(lab.ran.includes(`umount ${join(lab.root, 'run/hoist-cdrom')}`), 'it may have been mounted at the last moment')
  const broken: RunProgram = async (file, ...more) => {
    if (file.endsWith('/lsblk')) throw new Error('EIO: i/o error, read')
    return await lab.run(file, ...more)
  }
  lab.entry('opt/hoist/test', '1\n')
  lab.entry('opt/guestinfo.ovfEnv', named('firmware'))
  const { properties, unreadable } = await findProperties({ ...ground, run: broken }, signal)
  t.same([properties?.get('hostname'), unreadable], [['firmware'], ['From the CD-ROM: EIO: i/o error, read']])
})
