// Archives, opened by GNU tar.
import { execFileSync } from 'node:child_process'
import { createWriteStream, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { type ArchiveFile, tarGzip } from '../../appliance/support/archive.ts'

async function* of(files: ArchiveFile[]) {
  yield* files
}
const modifiedAt = new Date('2026-03-01T00:00:00Z')

t.test('tar takes out what was put in, of any size, private', async t => {
  const directory = t.testdir()
  const path = join(directory, 'a.tar.gz')
  const sizes = [0, 1, 511, 512, 513, 200_000]
  const files = sizes.map(size => ({ path: `folder/${size}.txt`, sizeBytes: size, content: [Buffer.alloc(size, 'x')] }))
  await pipeline(tarGzip(of(files), modifiedAt), createWriteStream(path))
  execFileSync('tar', ['xzf', path], { cwd: directory })
  for (const size of sizes) {
    t.equal(readFileSync(join(directory, `folder/${size}.txt`), 'utf8'), 'x'.repeat(size))
    t.equal(statSync(join(directory, `folder/${size}.txt`)).mode & 0o777, 0o600)
  }
})

t.test('a file of another size than was said, and a name that is too long, end the archive with an error', async t => {
  const read = (file: ArchiveFile) => Array.fromAsync(tarGzip(of([file]), modifiedAt))
  await t.rejects(read({ path: 'a', sizeBytes: 5, content: [Buffer.alloc(4)] }), /4 bytes, not 5/)
  await t.rejects(read({ path: 'a'.repeat(300), sizeBytes: 0, content: [] }), /too long/)
})

t.test('whoever goes away in the middle ends the source', async t => {
  let ended = false
  async function* endless(): AsyncGenerator<ArchiveFile> {
    try {
      for (let n = 0; ; n++) yield { path: `${n}`, sizeBytes: 100_000, content: [Buffer.alloc(100_000, String(n))] }
    } finally {
      ended = true
    }
  }
  const archive = tarGzip(endless(), modifiedAt)
  await new Promise(resolve => archive.once('readable', resolve))
  archive.destroy()
  await new Promise(resolve => setTimeout(resolve, 50))
  t.ok(ended)
})
