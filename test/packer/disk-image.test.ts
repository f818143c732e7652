// Raw disks: read back by sfdisk, mtools and debugfs, which did not write them all.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ext4FileSystem, fatPartition, MiB, type Partition, partitionedDisk, patch } from '../../packer/disk-image.ts'
import { ensureTools, run } from '../lab/tools.ts'

await ensureTools(['image'])
const esp: Partition = {
  startMiB: 1,
  sizeMiB: 16,
  type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  name: 'esp',
  uuid: '01234567-89AB-4CDE-8F01-23456789ABCD',
}
const root: Partition = { startMiB: 17, sizeMiB: 14, type: '0FC63DAF-8483-4772-8E79-3D69D8477DE4', name: 'root' }

t.test('a disk with a table, a FAT and an ext4 file system reads as it was asked for', async t => {
  const directory = t.testdir({ tree: { etc: { hostname: 'small\n' } }, boot: 'efi' })
  const disk = join(directory, 'disk.raw')
  await partitionedDisk(disk, 32, 'gpt', [esp, root], '11111111-2222-4333-8444-555555555555')
  await fatPartition(disk, esp, 'ESP', [{ from: join(directory, 'boot'), to: 'EFI/BOOT/BOOTX64.EFI' }], '89abcdef')
  const uuid = '99999999-2222-4333-8444-555555555555'
  const place = { offsetBytes: root.startMiB * MiB, sizeMiB: root.sizeMiB }
  await ext4FileSystem(disk, { ...place, label: 'root', from: join(directory, 'tree'), uuid })

  t.match(await run('sfdisk', ['--verify', disk]), /No errors detected/)
  const table: { partitiontable: { id: string; partitions: object[] } } = JSON.parse(
    await run('sfdisk', ['--json', disk]),
  )
  t.match(table.partitiontable, {
    id: '11111111-2222-4333-8444-555555555555',
    partitions: [
      { start: 2048, size: 32768, uuid: esp.uuid, name: 'esp' },
      { start: 34816, size: 28672, name: 'root' },
    ],
  })
  t.equal(await run('mtype', ['-i', `${disk}@@1M`, '::/EFI/BOOT/BOOTX64.EFI']), 'efi')
  t.match(await run('mdir', ['-i', `${disk}@@1M`, '::/']), /89AB-CDEF/)
  const fileSystem = `${disk}?offset=${root.startMiB * MiB}`
  t.equal(await run('debugfs', ['-R', 'cat /etc/hostname', fileSystem]), 'small\n')
  t.match(await run('dumpe2fs', ['-h', fileSystem]), new RegExp(uuid))
  t.ok((await stat(disk)).blocks * 512 < 16 * MiB, 'and what is empty takes no room')
})

t.test('bytes are written where they were asked for, and nowhere else', async t => {
  const path = join(t.testdir({ file: '0123456789' }), 'file')
  await patch(path, 3, Buffer.from('abc'))
  t.equal(await readFile(path, 'utf8'), '012abc6789')
})
