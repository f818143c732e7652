// Where properties come from, in their order, and what a source may not do.
import { mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { maxEnvironmentBytes } from '../../appliance/machine/ovf-environment.ts'
import { findProperties } from '../../appliance/machine/property-sources.ts'
import { ovfEnvironment } from '../ova-vm/ovf-environment.ts'
import { labPrograms, labRoot } from './boot-lab.ts'

const signal = new AbortController().signal

function machine(t: Test, disc?: (place: string) => void) {
  const root = labRoot(t.testdir())
  const said: string[] = []
  const guest: { env?: string } = {}
  const place = join(root, 'run/hoist-cdrom')
  const { run, ran } = labPrograms([{ path: '/dev/sr0', kind: 'rom' }], words => {
    if (words.startsWith('vmware-rpctool')) {
      if (guest.env === undefined) throw new Error('No value found')
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
    return { hostname: properties.get('hostname')?.[0], unreadable }
  }
  return { root, said, ran, guest, entry, vmware, find }
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
