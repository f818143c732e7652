// What lsblk and wipefs say, as a list.
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { hasBlankEnds, listBlockDevices, signaturesOn } from '../../appliance/machine/block-devices.ts'
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

t.test('one byte in the first or the last MiB is enough not to be blank', async t => {
  const disk = blankDisk(join(t.testdir(), 'disk'), gibibyte)
  t.ok(await hasBlankEnds(disk, gibibyte))
  t.notOk(await hasBlankEnds(disk, gibibyte + 1024 * 1024), 'shorter than it says')
  for (const offset of [0, 1024 * 1024 - 1, gibibyte - 1024 * 1024, gibibyte - 1]) {
    const file = openSync(disk, 'r+')
    writeSync(file, 'x', offset)
    t.notOk(await hasBlankEnds(disk, gibibyte), String(offset))
    writeSync(file, '\0', offset)
    closeSync(file)
  }
  t.ok(await hasBlankEnds(disk, gibibyte))
})
