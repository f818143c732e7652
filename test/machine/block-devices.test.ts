// What lsblk and wipefs say, as a list.
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { isBlank, isStamped, listBlockDevices, signaturesOn, stampDisk } from '../../appliance/machine/block-devices.ts'
import { runProgram } from '../../appliance/machine/run-program.ts'
import { blankDisk, gibibyte, labPrograms } from './boot-lab.ts'

const signal = new AbortController().signal

t.test('disks, partitions and drives are listed by name, with what is mounted anywhere on them', async t => {
  const leaf = { size: 1, ro: false, serial: null, wwn: null }
  const lv = { ...leaf, path: '/dev/mapper/root', type: 'lvm', mountpoints: ['/'] }
  const part = { ...leaf, path: '/dev/sda1', type: 'part', mountpoints: [null], children: [lv] }
  const blockdevices = [
    { ...leaf, path: '/dev/sr0', type: 'rom', mountpoints: [null] },
    { ...leaf, path: '/dev/sda', type: 'disk', mountpoints: [null], wwn: 'w', children: [part] },
    { ...leaf, path: '/dev/loop0', type: 'loop', mountpoints: [null] },
  ]
  const found = await listBlockDevices(async () => JSON.stringify({ blockdevices }), signal)
  t.match(found, [
    { path: '/dev/sda', kind: 'disk', mountpoints: ['/'], divided: true, serial: 'w' },
    { path: '/dev/sda1', kind: 'part', mountpoints: ['/'] },
    { path: '/dev/sr0', kind: 'rom', mountpoints: [], divided: false },
  ])
  t.equal(found.length, 3)
})

t.test("this machine's own lsblk is understood", async t => {
  t.type((await listBlockDevices(runProgram, signal)).length, 'number')
  await t.rejects(listBlockDevices(async () => '{}', signal))
})

t.test('wipefs finds every signature, and none on a blank disk', async t => {
  const disk = blankDisk(join(t.testdir(), 'disk'), gibibyte)
  t.same(await signaturesOn(disk, runProgram, signal), [])
  t.same(await signaturesOn(disk, async () => '', signal), [])
  await labPrograms([]).run('/usr/sbin/mkfs.ext4', ['-q', '-F', '-L', 'a label', disk], signal)
  t.same(await signaturesOn(disk, runProgram, signal), [{ type: 'ext4', label: 'a label' }])
})

t.test(
  'one byte in the first or the last 16 MiB, or where a file system has its tables, is enough not to be blank',
  async t => {
    const disk = blankDisk(join(t.testdir(), 'disk'), gibibyte)
    t.ok(await isBlank(disk, gibibyte))
    t.notOk(await isBlank(disk, gibibyte + 1024 * 1024), 'shorter than it says')
    const mebibyte = 1024 * 1024
    for (const offset of [0, mebibyte - 1, 16 * mebibyte - 1, gibibyte - 16 * mebibyte, gibibyte - 1]) {
      const file = openSync(disk, 'r+')
      writeSync(file, 'x', offset)
      t.notOk(await isBlank(disk, gibibyte), String(offset))
      writeSync(file, '\0', offset)
      closeSync(file)
    }
    t.ok(await isBlank(disk, gibibyte))
    for (const sizeBytes of [1, 5000, 3 * mebibyte + 1]) {
      const small = blankDisk(join(t.testdir(), 'small'), sizeBytes)
      t.ok(await isBlank(small, sizeBytes), `${sizeBytes} bytes`)
      const file = openSync(small, 'r+')
      writeSync(file, 'x', sizeBytes - 1)
      closeSync(file)
      t.notOk(await isBlank(small, sizeBytes), `${sizeBytes} bytes`)
    }
  },
)

t.test('a file system is not blank whose partition table and superblock are lost', async t => {
  const path = blankDisk(join(t.testdir(), 'disk'), 4 * gibibyte)
  const start = 1024 * 1024
  await runProgram('/usr/sbin/mkfs.ext4', ['-q', '-F', '-E', `nodiscard,offset=${start}`, path], signal)
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(start + 2048))
  closeSync(file)
  t.same(await signaturesOn(path, runProgram, signal), [], 'nobody knows what it is')
  t.notOk(await isBlank(path, 4 * gibibyte))
})

t.test(
  'a stamp is found on its disk until something else is written there, outlives mkfs.ext4, and is no signature',
  async t => {
    const path = join(t.testdir(), 'disk')
    const mebibyte = 1024 * 1024
    // With a last group of blocks that is whole, short, and one that bears a copy of the superblock (9, of 128 MiB each).
    for (const sizeBytes of [gibibyte, gibibyte + 4096, gibibyte + 4 * mebibyte, (9 * 128 + 16) * mebibyte]) {
      blankDisk(path, sizeBytes)
      t.notOk(await isStamped(path, sizeBytes, 'one'))
      await stampDisk(path, sizeBytes, 'one')
      t.ok(await isStamped(path, sizeBytes, 'one'), String(sizeBytes))
      t.notOk(await isStamped(path, sizeBytes, 'on'), 'the beginning of it')
      t.notOk(await isStamped(path, sizeBytes, 'another'))
      t.notOk(await isBlank(path, sizeBytes))
      t.same(await signaturesOn(path, runProgram, signal), [])
      const label = ['-L', 'a label']
      await runProgram('/usr/sbin/mkfs.ext4', ['-q', '-F', '-E', 'nodiscard', ...label, path], signal)
      t.ok(await isStamped(path, sizeBytes, 'one'), String(sizeBytes))
      await runProgram('/usr/sbin/e2fsck', ['-f', '-n', path], signal)
      await stampDisk(path, sizeBytes, 'another')
      t.notOk(await isStamped(path, sizeBytes, 'one'))
    }
    t.notOk(await isStamped(path, 4 * gibibyte, 'another'), 'shorter than it says')
  },
)
