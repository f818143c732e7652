// The data disk, on image files with the real tools: found, made, made whole, and never made of what holds something.
import { closeSync, openSync, readSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { stampDisk } from '../../appliance/machine/block-devices.ts'
import { dataLabel, mountDataDisk } from '../../appliance/machine/data-disk.ts'
import { machineFiles } from '../../appliance/machine/machine-files.ts'
import { runProgram } from '../../appliance/machine/run-program.ts'
import { Random } from '../chaos/random.ts'
import { blankDisk, cutAfter, gibibyte, type LabDisk, labPrograms } from './boot-lab.ts'

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
  const told: string[] = []
  const tell = async (text: string) => void told.push(text)
  const ground = { run, files, mountpoint, say: (text: string) => said.push(text), tell, looks: 2, lookEveryMs: 1 }
  const path = (name: string) => join(root, name)
  const format = (name: string, label = dataLabel) =>
    runProgram('/usr/sbin/mkfs.ext4', ['-q', '-F', '-L', label, path(name)], signal)
  return { root, files, ran, said, told, ground, path, format, mount: () => mountDataDisk(ground, signal) }
}
const formatted = (ran: readonly string[]) => ran.filter(words => words.startsWith('mkfs'))

t.test(
  'a blank disk is formatted once, mounted without devices, set-user-ids and programs, and found again',
  async t => {
    const lab = machine(t, ['a', 'b'])
    await lab.mount()
    t.same(formatted(lab.ran), [`mkfs.ext4 -q -F -m 1 -E nodiscard -L hoist-data ${lab.path('a')}`])
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

t.test('a disk that cannot be read keeps nobody from the data disk, and is never taken for nothing', async t => {
  const unreadable = (lab: ReturnType<typeof machine>, name: string): typeof lab.ground.run => {
    return async (file, args, given) => {
      if (file.endsWith('wipefs') && args.at(-1) === lab.path(name))
        throw new ApplianceError('MACHINE_FAILED', 'wipefs failed: Input/output error', { hint: 'x' })
      return await lab.ground.run(file, args, given)
    }
  }
  const whole = machine(t, ['a', 'b'])
  await whole.format('b')
  await mountDataDisk({ ...whole.ground, run: unreadable(whole, 'a') }, signal)
  t.ok(whole.ran.some(words => words.endsWith(`${whole.path('b')} ${mountpoint}`)))
  t.match(whole.said, [/a \(4 GiB\) cannot be read: .*Input\/output error/])
  const doubtful = machine(t, ['a', 'b'])
  const mounting = mountDataDisk({ ...doubtful.ground, run: unreadable(doubtful, 'a') }, signal)
  await t.rejects(mounting, {
    code: 'DATA_DISK_UNUSABLE',
    message: /b \(4 GiB\) is blank, .*a \(4 GiB\), which cannot be read/,
  })
  t.same(formatted(doubtful.ran), [], 'it may be the data disk')
})

t.test('a repair with more messages than a program may write is not ended in its middle', async t => {
  const lab = machine(t, ['a'])
  // Without these features e2fsck believes no note that inodes were never used, and looks at each.
  const features = ['-O', '^metadata_csum,^uninit_bg']
  await runProgram('/usr/sbin/mkfs.ext4', ['-q', '-F', '-L', dataLabel, ...features, lab.path('a')], signal)
  const debugfs = (words: string) => runProgram('/usr/sbin/debugfs', ['-w', '-R', words, lab.path('a')], signal)
  const inodes = 16 * 200
  const [, table] = /located at block (\d+)/.exec(await debugfs('imap <17>')) ?? []
  const random = new Random('inodes', 1)
  const noise = Buffer.from(Array.from({ length: 256 * inodes }, () => random.integer(0, 255)))
  writeAt(lab.path('a'), Number(table) * 4096, noise)
  await debugfs('set_super_value state 2')
  await lab.mount()
  t.match(lab.told, [/is being checked/, /is damaged, and is being repaired.*Do not switch/])
  const looked = runProgram('/usr/sbin/e2fsck', ['-f', '-n', lab.path('a')], signal, { unread: true })
  t.equal(await looked, '', 'whole after one repair')
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

t.test('a disk that cannot be grown is used as it is, and the journal says what to do, in one line', async t => {
  const lab = machine(t, ['a'])
  await lab.format('a')
  const run: typeof lab.ground.run = async (file, args, given) => {
    if (!file.endsWith('resize2fs')) return await lab.ground.run(file, args, given)
    const words = 'resize2fs failed: resize2fs 1.47\nresize2fs: Permission denied to resize filesystem'
    throw new ApplianceError('MACHINE_FAILED', words, { hint: 'None.' })
  }
  await mountDataDisk({ ...lab.ground, run }, signal)
  t.ok(lab.ran.some(words => words.startsWith('mount')))
  t.equal(lab.said.length, 1)
  t.match(
    lab.said[0],
    /a: used with the room that it has, .*4 GiB.*1\.47 resize2fs: Permission denied.*restart the machine/,
  )
  t.notMatch(lab.said[0], /\n/)
})

t.test('who is called off while the disk is grown hears of it', async t => {
  const lab = machine(t, ['a'])
  await lab.format('a')
  const end = new AbortController()
  const run: typeof lab.ground.run = async (file, args, given) => {
    if (!file.endsWith('resize2fs')) return await lab.ground.run(file, args, given)
    end.abort(new Error('called off'))
    throw end.signal.reason
  }
  await t.rejects(mountDataDisk({ ...lab.ground, run }, end.signal), /called off/)
  t.same(lab.said, [])
})

/** Formats it up to what mkfs.ext4 writes first and last: no superblock, but no zeros either. */
async function interruptFormat(lab: ReturnType<typeof machine>): Promise<void> {
  const run: typeof lab.ground.run = async (file, args, given) => {
    if (!file.endsWith('mkfs.ext4')) return await lab.ground.run(file, args, given)
    const path = args.at(-1) ?? ''
    await runProgram(file, args, given)
    writeAt(path, 1024, Buffer.alloc(1024))
    throw new Error('cut')
  }
  await t.rejects(mountDataDisk({ ...lab.ground, run }, signal), /cut/)
}

t.test('a disk that a power cut left half formatted is formatted again, also after a second one', async t => {
  const lab = machine(t, ['a'])
  await interruptFormat(lab)
  const mark = await lab.files.read('formatting')
  await interruptFormat(lab)
  t.equal(await lab.files.read('formatting'), mark, 'never another one than is on the disk')
  for (let steps = 0, whole = false; !whole; steps++) {
    const ground = { ...lab.ground, ...cutAfter(steps, lab.ground) }
    whole = await mountDataDisk(ground, signal).then(
      () => true,
      (thrown: Error) => {
        t.match(thrown, /cut/)
        return false
      },
    )
  }
  t.equal(formatted(lab.ran).length, 1, 'and once only')
  t.match(lab.said[0], /which is blank/)
  t.match(lab.said[1], /which was left half formatted/)
  t.notOk(await lab.files.exists('formatting'))
})

t.test(
  'a disk in the place of the half formatted one is not formatted, nor is that one on another machine',
  async t => {
    const lab = machine(t, ['a'])
    await interruptFormat(lab)
    const mark = (await lab.files.read('formatting')) ?? ''
    const disk = lab.path('a')
    const half = join(lab.root, 'half')
    renameSync(disk, half)
    // Same path, size and serial number; what it holds is of no kind that is known.
    writeAt(blankDisk(disk), 100_000, 'theirs')
    await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: /is not empty/ })
    renameSync(half, disk)
    for (const other of ['', mark.replace(/.$/, 'x'), `x${mark}`, mark.slice(0, -1), `${disk} ${4 * gibibyte} \n`]) {
      await lab.files.write('formatting', other)
      await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: /is not empty/ }, other)
    }
    await lab.files.remove('formatting')
    await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: /is not empty/ })
    t.same(formatted(lab.ran), [])
    await lab.files.write('formatting', mark)
    await lab.mount()
    t.equal(formatted(lab.ran).length, 1)
  },
)

t.test('a half formatted disk that shows another serial number by now is another disk', async t => {
  let disk: LabDisk | undefined
  const lab = machine(t, ['a'], disks => {
    disk = disks[1]
    Object.assign(disk ?? {}, { serial: 'one' })
  })
  await interruptFormat(lab)
  Object.assign(disk ?? {}, { serial: 'two' })
  await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: /is not empty/ })
  Object.assign(disk ?? {}, { serial: 'one' })
  await lab.mount()
  t.equal(formatted(lab.ran).length, 1)
})

t.test('a half formatted disk on which something is found by now is not formatted', async t => {
  const lab = machine(t, ['a'])
  await interruptFormat(lab)
  writeAt(lab.path('a'), 446, mbrOf(0x83))
  await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE', message: /holds dos/ })
  t.same(formatted(lab.ran), [])
})

t.test(
  'once a data disk is mounted nothing is half formatted any more, whatever a power cut has left noted',
  async t => {
    for (const mounted of [false, true]) {
      const lab = machine(t, ['a'], disks => mounted && Object.assign(disks[1] ?? {}, { mountpoints: [mountpoint] }))
      await lab.format('a')
      // Cut off after mkfs.ext4 had ended.
      await lab.files.write('formatting', ' mark')
      await stampDisk(lab.path('a'), 4 * gibibyte, ' mark')
      await lab.mount()
      t.notOk(await lab.files.exists('formatting'))
      t.same(formatted(lab.ran), [], 'what is labelled is never formatted')
      // Somebody uses it for something else.
      writeAt(lab.path('a'), 1024, Buffer.alloc(1024))
      await t.rejects(lab.mount(), { code: 'DATA_DISK_UNUSABLE' })
      t.same(formatted(lab.ran), [])
    }
  },
)

t.test('the note stays until the data disk is mounted', async t => {
  const lab = machine(t, ['a'])
  const run: typeof lab.ground.run = async (file, args, given) => {
    if (file.endsWith('/mount')) throw new Error('not mounted')
    return await lab.ground.run(file, args, given)
  }
  await t.rejects(mountDataDisk({ ...lab.ground, run }, signal), /not mounted/)
  t.ok(await lab.files.exists('formatting'))
  await lab.mount()
  t.notOk(await lab.files.exists('formatting'))
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
    () => t.match([...lab.told, ...lab.said].slice(1), [/repaired|corrected/]),
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
