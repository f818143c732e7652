// The data disk, on image files with the real tools: found, made, made whole, and never made of what holds something.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { dataLabel, mountDataDisk } from '../../appliance/machine/data-disk.ts'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import { runProgram } from '../../appliance/machine/run-program.ts'
import { blankDisk, gibibyte, type LabDisk, labPrograms } from './boot-lab.ts'

const signal = new AbortController().signal
const mountpoint = '/var/lib/hoist'
const system: LabDisk = { path: '/dev/null', sizeBytes: 512, mountpoints: ['/'] }

function machine(t: Test, names: readonly string[], change: (disks: LabDisk[]) => void = () => undefined) {
  const root = t.testdir()
  const files = machineFiles(root)
  const disks: LabDisk[] = [system, ...names.map(name => ({ path: blankDisk(join(root, name)) }))]
  change(disks)
  const { run, ran } = labPrograms(disks)
  const said: string[] = []
  const ground = { run, files, mountpoint, say: (text: string) => said.push(text), looks: 2, lookEveryMs: 1 }
  const path = (name: string) => join(root, name)
  const format = (name: string, label = dataLabel) =>
    runProgram('/usr/sbin/mkfs.ext4', ['-q', '-F', '-L', label, path(name)], signal)
  return { root, files, ran, said, ground, path, format, mount: () => mountDataDisk(ground, signal) }
}
const formatted = (ran: readonly string[]) => ran.filter(words => words.startsWith('mkfs'))

t.test(
  'a blank disk is formatted once, mounted without devices, set-user-ids and programs, and found again',
  async t => {
    const lab = machine(t, ['a', 'b'])
    await lab.mount()
    t.same(formatted(lab.ran), [`mkfs.ext4 -q -F -m 1 -L hoist-data ${lab.path('a')}`])
    const mounted = lab.ran.filter(words => words.startsWith('mount'))
    t.same(mounted, [
      `mount --types ext4 --options nodev,nosuid,noexec,errors=remount-ro ${lab.path('a')} ${mountpoint}`,
    ])
    t.ok(lab.ran.indexOf(`e2fsck -p ${lab.path('a')}`) < lab.ran.indexOf(mounted[0] ?? ''))
    t.equal(lab.ran.at(-1), `resize2fs ${lab.path('a')}`, 'grown while it is mounted')
    t.match(lab.said, [/formatting .*a \(4 GiB\), which is blank/])
    t.notOk(await lab.files.exists('formatting'))
    lab.ran.length = 0
    await lab.mount()
    t.same(formatted(lab.ran), [])
  },
)

t.test('one that has grown says so', async t => {
  const lab = machine(t, ['a'])
  await lab.format('a')
  const run: typeof lab.ground.run = async (file, args, given) =>
    file.endsWith('resize2fs')
      ? `The filesystem on ${args[0]} is now 1 (4k) blocks long.\n`
      : await lab.ground.run(file, args, given)
  await mountDataDisk({ ...lab.ground, run }, signal)
  t.match(lab.said, [/grown to 4 GiB/])
})

t.test('one that is mounted already is neither checked nor mounted', async t => {
  const lab = machine(t, ['a'], disks => Object.assign(disks[1] ?? {}, { mountpoints: [mountpoint] }))
  await lab.format('a')
  await lab.mount()
  t.same(
    lab.ran.filter(words => /^(e2fsck|mount|mkfs)/.test(words)),
    [],
  )
})

t.test('two of that label are refused, by name', async t => {
  const lab = machine(t, ['a', 'b', 'c'])
  await lab.format('a')
  await lab.format('c')
  await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: /More than one.*a \(4 GiB\), .*c \(4 GiB\)/ })
  t.same(formatted(lab.ran), [])
})

t.test('whatever holds anything is never formatted, and the error says what was found', async t => {
  const holders: [
    what: RegExp,
    hold: (lab: ReturnType<typeof machine>) => unknown,
    change?: (disk: LabDisk) => void,
  ][] = [
    [/holds ext4 "theirs"/, lab => lab.format('a', 'theirs')],
    [/holds PMBR/, lab => writeAt(lab.path('a'), 446, mbrOf(0xee))],
    [/holds dos/, lab => writeAt(lab.path('a'), 446, mbrOf(0x83))],
    [/is not empty/, lab => writeAt(lab.path('a'), 100_000, 'x')],
    [/is not empty/, lab => writeAt(lab.path('a'), 4 * gibibyte - 1, 'x')],
    [/is in use/, () => undefined, disk => Object.assign(disk, { mountpoints: ['/mnt'] })],
    [/has partitions/, () => undefined, disk => Object.assign(disk, { divided: true })],
    [/is read-only/, () => undefined, disk => Object.assign(disk, { readOnly: true })],
    [/Disks of this machine: none/, () => undefined, disk => Object.assign(disk, { sizeBytes: 1_474_560 })],
    [/Disks of this machine: none/, () => undefined, disk => Object.assign(disk, { kind: 'rom' })],
  ]
  for (const [what, hold, change = () => undefined] of holders) {
    const lab = machine(t, ['a'], disks => disks[1] && change(disks[1]))
    await hold(lab)
    const before = headOf(lab.path('a'))
    await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: what }, String(what))
    t.same(formatted(lab.ran), [])
    t.ok(headOf(lab.path('a')).equals(before))
  }
})

t.test('a disk whose label is ours on something else than ext4 is none of ours', async t => {
  const lab = machine(t, ['a'])
  await runProgram(
    '/usr/sbin/mkfs.ext4',
    [
      '-q',
      '-F',
      '-O',
      '^has_journal,^extents,^64bit,^flex_bg,^metadata_csum,^huge_file,^dir_nlink,^extra_isize',
      '-L',
      dataLabel,
      lab.path('a'),
    ],
    signal,
  )
  await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: /holds ext2 "hoist-data"/ })
})

t.test('a disk that a power cut left half formatted is formatted again; another one is not', async t => {
  const lab = machine(t, ['a'])
  writeAt(lab.path('a'), 100_000, 'half')
  await lab.files.write('formatting', `${lab.path('b')} ${4 * gibibyte} \n`)
  await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE' })
  await lab.files.write('formatting', `${lab.path('a')} ${4 * gibibyte} \n`)
  await lab.mount()
  t.equal(formatted(lab.ran).length, 1)
})

t.test('a machine that has had a data disk waits for it before it takes a blank one', async t => {
  const lab = machine(t, ['a', 'b'])
  await lab.format('b')
  await lab.files.write('firstBootDone', '')
  let looks = 0
  const run: typeof lab.ground.run = async (file, args, given) => {
    const text = await lab.ground.run(file, args, given)
    // The second disk is slow.
    if (!file.endsWith('/lsblk') || ++looks > 1) return text
    const { blockdevices } = JSON.parse(text)
    return JSON.stringify({ blockdevices: blockdevices.filter((disk: LabDisk) => disk.path !== lab.path('b')) })
  }
  await mountDataDisk({ ...lab.ground, run }, signal)
  t.same(formatted(lab.ran), [])
  t.ok(lab.ran.some(words => words.startsWith('mount') && words.includes(lab.path('b'))))
})

t.test('a damaged file system is repaired; what cannot be repaired is not mounted', async t => {
  const lab = machine(t, ['a'])
  await lab.format('a')
  // The bitmaps of the first group say that nothing is taken.
  writeAt(lab.path('a'), 4096 * 200, Buffer.alloc(4096 * 100))
  writeAt(lab.path('a'), 4096, Buffer.alloc(2048, 7))
  await lab.mount().then(
    () => t.match(lab.said, [/repaired|corrected/]),
    (thrown: Error) => t.match(thrown, { code: 'MACHINE_FAILED' }),
  )
  const check = await runProgram('/usr/sbin/e2fsck', ['-f', '-n', lab.path('a')], signal).catch(() => undefined)
  t.equal(
    check !== undefined,
    lab.ran.some(words => words.startsWith('mount')),
    'mounted only if it is whole',
  )
})

function writeAt(path: string, offset: number, content: string | Buffer) {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.from(content), 0, Buffer.from(content).length, offset)
  closeSync(file)
}

function mbrOf(kind: number): Buffer {
  const table = Buffer.alloc(66)
  table[4] = kind
  table.writeUInt32LE(1, 8)
  table.writeUInt32LE(8_388_607, 12)
  table.writeUInt16LE(0xaa55, 64)
  return table
}

function headOf(path: string): Buffer {
  const head = Buffer.alloc(1024 * 1024)
  const file = openSync(path, 'r')
  readSync(file, head)
  closeSync(file)
  return head
}
