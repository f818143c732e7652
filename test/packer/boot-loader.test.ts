// Both ways into a disk, looked at; whether they boot is seen by test/lab/guests/debian.test.ts and npm run test-ova.
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { bootLoader } from '../../packer/boot-loader.ts'
import { MiB, partitionedDisk } from '../../packer/disk-image.ts'
import { layout } from '../../packer/layout.ts'
import { ensureTools, run } from '../lab/tools.ts'

await ensureTools(['guests'])
const { biosGrub, esp } = layout

t.test('the first sector starts the second part, that its own rest, and UEFI finds a program', async t => {
  const directory = t.testdir()
  const disk = join(directory, 'disk.raw')
  await partitionedDisk(disk, 64, 'gpt', [biosGrub, esp])
  await bootLoader({ directory, disk, label: 'small', biosGrub, esp })

  t.match(await run('sfdisk', ['--verify', disk]), /No errors detected/, 'the table is as it was')
  await using file = await open(disk)
  const { buffer } = await file.read(Buffer.alloc(2 * MiB), 0, 2 * MiB, 0)
  t.equal(buffer.readBigUInt64LE(0x5c), 2048n, 'boot.img names the first sector of core.img')
  t.equal(buffer.readBigUInt64LE(MiB + 0x1f4), 2049n, 'diskboot.img names the one after it')
  t.equal(buffer.readUInt16LE(510), 0xaa55)
  const program = join(directory, 'found.efi')
  await run('mcopy', ['-i', `${disk}@@${esp.startMiB}M`, '::/EFI/BOOT/BOOTX64.EFI', program])
  t.match(await run('cat', [program]), /search --no-floppy --label small/)
})

t.test('the appliance has no driver for a serial line in GRUB, and its kernel ends at the screen', async t => {
  const directory = t.testdir()
  const disk = join(directory, 'disk.raw')
  await partitionedDisk(disk, 64, 'gpt', [biosGrub, esp])
  await bootLoader({ directory, disk, label: 'small', biosGrub, esp })
  const driver = /Configure serial port/
  const program = () => readFile(join(directory, 'BOOTX64.EFI'), 'latin1')
  t.match(await program(), driver, 'it is there when it is not left out')
  await bootLoader({ directory, disk, label: 'small', biosGrub, esp, serial: false })
  t.notMatch(await program(), driver)
  t.match(await program(), /efi_gop/, 'it sets a graphics mode, without which UEFI shows nothing')

  const settings = join(import.meta.dirname, '../../packer/base/files/etc/default/grub')
  const said = await run('sh', [
    '-c',
    '. "$0"; echo "$GRUB_TERMINAL|$GRUB_GFXPAYLOAD_LINUX|$GRUB_CMDLINE_LINUX"',
    settings,
  ])
  t.match(said, /^console\|\|.* console=tty1\n$/)
})
