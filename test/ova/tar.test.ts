import { open } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { TAR_END, tarHeader, tarPadding } from '../../ova/tar.ts'
import { run } from './sample.ts'

const python = `import sys, tarfile
for m in tarfile.open(sys.argv[1]): print(m.name, m.size, m.mtime, oct(m.mode), m.uid, m.gid, m.isreg())`

t.test('GNU tar and Python find every file, whatever its size, with nothing of this machine', async t => {
  const sizes = [0, 1, 511, 512, 513, 8 ** 11 - 1, 8 ** 11, 9 * 2 ** 30 + 5, 12]
  const path = join(t.testdir(), 'sample.tar')
  {
    await using file = await open(path, 'wx')
    let at = 0
    for (const [index, sizeBytes] of sizes.entries()) {
      // The content stays a hole.
      await file.write(tarHeader({ name: `file-${index}`, sizeBytes, modifiedAt: 1_700_000_000 }), 0, 512, at)
      at += 512 + sizeBytes + tarPadding(sizeBytes).length
    }
    await file.write(TAR_END, 0, TAR_END.length, at)
  }
  const listed = await run('tar', ['--utc', '-tvf', path])
  const lines = sizes.map((sizeBytes, index) => [
    '-rw-r--r--',
    '0/0',
    sizeBytes,
    '2023-11-14',
    '22:13',
    `file-${index}`,
  ])
  t.strictSame(
    listed.stdout
      .trim()
      .split('\n')
      .map(line => line.split(/\s+/).join(' ')),
    lines.map(line => line.join(' ')),
  )
  const read = await run('python3', ['-c', python, path])
  t.strictSame(
    read.stdout.trim().split('\n'),
    sizes.map((sizeBytes, index) => `file-${index} ${sizeBytes} 1700000000 0o644 0 0 True`),
  )
})

t.test('a header that would not say what was meant is refused', async t => {
  const good = { name: 'a.vmdk', sizeBytes: 1, modifiedAt: 0 }
  for (const name of ['', '../a', '/a', 'a/b', '.a', 'a\n', 'a'.repeat(100), 'é'])
    t.throws(() => tarHeader({ ...good, name }), RangeError, JSON.stringify(name))
  for (const sizeBytes of [-1, 0.5, Number.NaN, 2 ** 60]) t.throws(() => tarHeader({ ...good, sizeBytes }), RangeError)
  for (const modifiedAt of [-1, 0.5, 8 ** 11]) t.throws(() => tarHeader({ ...good, modifiedAt }), RangeError)
  t.equal(tarHeader(good).length, 512)
})
