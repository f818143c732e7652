// What a manifest may list.
import t from 'tap'
import { filesFlaw, parseManifest, releaseLimits } from '../../appliance/upgrade/release-manifest.ts'

const file = { path: 'a/b.txt', sizeBytes: 1, sha256: '0'.repeat(64), executable: false }
const manifest = {
  format: 1,
  product: 'hoist',
  version: '1.2.3',
  minimumVersion: '1.0.0',
  releasedAt: '2026-11-21T10:00:00Z',
  archive: { sizeBytes: 10, sha256: '1'.repeat(64) },
  files: [file],
}
const parse = (value: unknown) => parseManifest(Buffer.from(JSON.stringify(value)))

t.test('a manifest of the documented form is read', async t => {
  t.same(parse(manifest), manifest)
})

t.test('whatever has another form is refused, unknown fields too', async t => {
  const wrong: Record<string, unknown>[] = [
    { format: 2 },
    { version: '1.2' },
    { version: '../1' },
    { minimumVersion: undefined },
    { releasedAt: '2026-13-41T10:00:00Z' },
    { releasedAt: 'today' },
    { archive: { sizeBytes: releaseLimits.archiveBytes + 1, sha256: '1'.repeat(64) } },
    { archive: { sizeBytes: 10, sha256: 'x' } },
    { files: [] },
    { files: [{ ...file, sizeBytes: -1 }] },
    { files: [{ ...file, sizeBytes: 1.5 }] },
    { files: [{ ...file, mode: 0o4755 }] },
    { script: 'rm' },
  ]
  for (const change of wrong)
    t.throws(() => parse({ ...manifest, ...change }), { code: 'RELEASE_DAMAGED' }, JSON.stringify(change))
  for (const text of ['', '[]', 'null', '{', '"x"'])
    t.throws(() => parseManifest(Buffer.from(text)), { code: 'RELEASE_DAMAGED' }, text)
})

t.test('paths lead only downwards, each to one file', async t => {
  const of = (...paths: string[]) => filesFlaw(paths.map(path => ({ path, sizeBytes: 0 })))
  t.equal(of('a', 'b/c', 'b/d', '@scope/x.js', 'b c/..d', '.hidden'), undefined)
  for (const path of ['/etc/passwd', '../a', 'a/../b', './a', 'a//b', 'a/', '.', '..', 'a\\b', 'a\0b', 'a\nb', 'ä'])
    t.match(of(path), /lists the path/, path)
  t.match(of('a', 'b', 'a'), /twice/)
  t.match(of('manifest.json'), /twice/)
  t.match(of('manifest.sig'), /twice/)
  t.match(of('a/b', 'a'), /inside a file/)
  t.match(of('a', 'a/b/c'), /inside a file/)
  t.match(of('manifest.json/x'), /inside a file/)
})

t.test('the sum of sizes has a limit', async t => {
  const half = { sizeBytes: releaseLimits.unpackedBytes / 2 }
  t.equal(
    filesFlaw([
      { path: 'a', ...half },
      { path: 'b', ...half },
    ]),
    undefined,
  )
  t.match(
    filesFlaw([
      { path: 'a', ...half },
      { path: 'b', ...half },
      { path: 'c', sizeBytes: 1 },
    ]),
    /unpacks to/,
  )
})
