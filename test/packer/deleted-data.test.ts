// Deleted data: found where it stands, gone when it is wiped; what is in use stays.
import { join } from 'node:path'
import t from 'tap'
import { deletedData, wipeDeletedData } from '../../packer/deleted-data.ts'
import { MiB } from '../../packer/disk-image.ts'
import { ensureTools, run } from '../lab/tools.ts'
import { smallLayout, smallSystem } from './small-system.ts'

await ensureTools(['image'])

t.test('what was deleted is found in its blocks, and overwritten there', async t => {
  const directory = t.testdir({ tree: { secret: 'my old password\n'.repeat(2000), kept: 'kept\n'.repeat(2000) } })
  const disk = await smallSystem(directory, join(directory, 'tree'))
  const fileSystem = `${disk}?offset=${smallLayout.root.startMiB * MiB}`
  t.strictSame(await deletedData(disk, smallLayout), [], 'a new file system has none')

  await run('debugfs', ['-w', '-R', 'rm /secret', fileSystem])
  t.match(await deletedData(disk, smallLayout), [{ name: 'deleted-data', why: /^\d+ bytes/ }])
  await wipeDeletedData(disk, smallLayout)
  t.strictSame(await deletedData(disk, smallLayout), [])
  await t.rejects(run('grep', ['--quiet', '--text', 'my old password', disk]))
  t.equal(await run('debugfs', ['-R', 'cat /kept', fileSystem]), 'kept\n'.repeat(2000))
  await t.resolves(run('e2fsck', ['-f', '-n', fileSystem]))
})
