// The list of a disk's contents: nothing is left out, nothing is made up.
import { createHash } from 'node:crypto'
import { chmod, chown, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { contentDifferences, contentList, readSystem } from '../../packer/content-list.ts'
import { MiB, patch } from '../../packer/disk-image.ts'
import { ensureTools } from '../lab/tools.ts'
import { smallLayout, smallSystem } from './small-system.ts'

await ensureTools(['image'])
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex')

t.test('every path is listed with type, mode, owner, size and hash; links are told and not followed', async t => {
  const directory = t.testdir({ tree: { etc: { hostname: 'hoist\n', 'with blank': '' }, home: { own: 'x' } } })
  const tree = join(directory, 'tree')
  await chmod(join(tree, 'etc/hostname'), 0o640)
  await chmod(join(tree, 'home'), 0o1770)
  await chown(join(tree, 'home/own'), 900, 901)
  await symlink('etc', join(tree, 'link'))
  const disk = await smallSystem(directory, tree)
  const system = await readSystem(disk, smallLayout, join(directory, 'content'))
  const core = Buffer.alloc(MiB)
  core.write('core')
  t.strictSame(contentList(system.entries).trimEnd().split('\n'), [
    `file 0000 0:0 ${MiB} ${sha256(core)} (boot)/core`,
    `file 0000 0:0 440 ${sha256(Buffer.alloc(440))} (boot)/mbr`,
    'directory 0700 0:0 - (esp)/EFI',
    'directory 0700 0:0 - (esp)/EFI/BOOT',
    `file 0700 0:0 6 ${sha256('loader')} (esp)/EFI/BOOT/BOOTX64.EFI`,
    'directory 0755 0:0 - /',
    'directory 0755 0:0 - /etc',
    `file 0640 0:0 6 ${sha256('hoist\n')} /etc/hostname`,
    `file 0644 0:0 0 ${sha256('')} "/etc/with blank"`,
    'directory 1770 0:0 - /home',
    `file 0644 900:901 1 ${sha256('x')} /home/own`,
    'link 0777 0:0 "etc" /link',
    'directory 0700 0:0 - /lost+found',
  ])
})

t.test('what differs between two lists is named by its path, whatever differs', async t => {
  const list = [
    'file 0644 0:0 6 aa /etc/hostname',
    'file 0644 0:0 0 bb "/etc/with blank"',
    'link 0777 0:0 "a b" /link',
    'directory 1770 0:0 - /home',
  ]
  const text = (lines: readonly string[]) => lines.map(line => `${line}\n`).join('')
  const differences = (second: readonly string[]) => contentDifferences(text(list), text(second))
  t.strictSame(differences(list), [])
  t.strictSame(differences(list.toReversed()), [], 'order is none')
  t.strictSame(differences(list.slice(1)), ['/etc/hostname is only in the first'])
  t.strictSame(differences([...list, 'file 0644 0:0 1 cc "/new one"']), ['"/new one" is only in the second'])
  const changed = list.map(line => line.replace('bb', 'cc').replace('"a b"', '"a c"').replace('1770', '0755'))
  t.strictSame(differences(changed), [
    '"/etc/with blank": file 0644 0:0 0 bb, then file 0644 0:0 0 cc',
    '/home: directory 1770 0:0 -, then directory 0755 0:0 -',
    '/link: link 0777 0:0 "a b", then link 0777 0:0 "a c"',
  ])
})

t.test('a damaged file system is not read as if it were whole', async t => {
  const directory = t.testdir({ tree: { file: 'x' } })
  const disk = await smallSystem(directory, join(directory, 'tree'))
  await patch(disk, smallLayout.root.startMiB * MiB + 1024, Buffer.alloc(1024, 0xff))
  await t.rejects(readSystem(disk, smallLayout, join(directory, 'content')), { message: /e2fsck/ })
})
