import t from 'tap'
import { run } from '../tools.ts'
import { awkwardDisks } from './awkward.ts'
import { windowsGuest } from './windows.ts'

t.test('the Windows-like server has a GPT with ESP, MSR and NTFS, and a second disk of MBR and NTFS', async t => {
  const guest = await windowsGuest()
  const gpt = JSON.parse(await run('sfdisk', ['--json', guest.system]))
  t.equal(gpt.partitiontable.label, 'gpt')
  t.strictSame(
    gpt.partitiontable.partitions.map((partition: { name: string }) => partition.name),
    ['EFI system partition', 'Microsoft reserved partition', 'Basic data partition'],
  )
  const mbr = JSON.parse(await run('sfdisk', ['--json', guest.data]))
  t.equal(mbr.partitiontable.label, 'dos')
  t.equal(mbr.partitiontable.partitions[0].type, '7')
  t.match(await run('mdir', ['-b', '-/', '-i', `${guest.system}@@1M`]), /EFI\/Microsoft\/Boot\/bootmgfw\.efi/)
})

t.test("the Windows-like server's NTFS is read back by ntfs-3g: boot loader and folders", async t => {
  const guest = await windowsGuest()
  const image = `${t.testdir()}/windows.ntfs`
  await run('dd', [`if=${guest.system}`, `of=${image}`, 'bs=1M', 'skip=117', 'count=906', 'conv=sparse', 'status=none'])
  const names = (await run('ntfsls', ['-f', '-p', '/Windows/System32', image])).split('\n')
  for (const name of ['winload.efi', 'config', 'drivers']) t.ok(names.includes(name), name)
  const read = await run('sh', ['-c', `ntfscat -f '${image}' Windows/System32/winload.efi | sha256sum`])
  const expected = await run('sha256sum', ['/usr/lib/grub/x86_64-efi/monolithic/grubx64.efi'])
  t.equal(read.slice(0, 64), expected.slice(0, 64), 'a file is whole')
  await t.resolves(run('ntfsfix', ['-n', image]))
})

t.test('the awkward disks are of every awkward kind', async t => {
  const disks = awkwardDisks()
  t.ok(disks.some(disk => disk.kind === 'zero' && disk.sizeBytes === 2 ** 30))
  t.ok(disks.some(disk => disk.kind === 'ends' && disk.sizeBytes === 3 * 2 ** 30))
  t.ok(disks.some(disk => disk.sizeBytes % (512 * 1024) !== 0 && disk.sizeBytes % (64 * 1024) !== 0))
  t.ok(disks.some(disk => disk.kind === 'noise'))
})
