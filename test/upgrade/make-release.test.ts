// Bundles as they are made, opened by GNU tar.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { makeRelease } from '../../appliance/upgrade/make-release.ts'
import { keyPair, sampleBundle, sampleFiles } from './sample-release.ts'

const { privateKey } = keyPair()

t.test('GNU tar takes out the manifest, the signature and the files', async t => {
  const directory = t.testdir()
  const path = await sampleBundle(directory, privateKey)
  const out = join(directory, 'out')
  mkdirSync(out)
  execFileSync('tar', ['xf', path, '-C', out])
  t.same(readdirSync(out), ['manifest.json', 'manifest.sig', 'release.tar.gz'])
  const manifest = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8'))
  t.match(manifest, {
    format: 1,
    product: 'hoist',
    version: '1.1.0',
    minimumVersion: '1.0.0',
    releasedAt: '2026-11-21T10:00:00Z',
  })
  execFileSync('tar', ['xzf', join(out, 'release.tar.gz'), '-C', out])
  t.same(
    manifest.files.map((file: { path: string }) => file.path),
    Object.keys(sampleFiles),
  )
  for (const { path, sha256 } of manifest.files) {
    const content = readFileSync(join(out, path))
    t.equal(content.toString(), sampleFiles[path])
    t.equal(createHash('sha256').update(content).digest('hex'), sha256)
  }
  execFileSync('sha256sum', ['--check', '--quiet', `${path}.sha256`], { cwd: directory })
})

t.test('the same sources give the same bytes', async t => {
  const [a, b] = [t.testdir({ a: {}, b: {} }), 'b']
  const first = await sampleBundle(join(a, 'a'), privateKey)
  const second = await sampleBundle(join(a, b), privateKey)
  t.ok(readFileSync(first).equals(readFileSync(second)))
})

t.test('what an appliance would refuse is not made, and nothing is left of it', async t => {
  const directory = t.testdir({ a: 'a' })
  const out = join(directory, 'x.tar')
  const file = { path: 'a', from: join(directory, 'a'), executable: false }
  const options = { version: '1.0.0', minimumVersion: '1.0.0', releasedAt: new Date(), files: [file], privateKey, out }
  await t.rejects(makeRelease({ ...options, version: '1.0' }), { code: 'RELEASE_DAMAGED' })
  await t.rejects(makeRelease({ ...options, files: [{ ...file, path: '../a' }] }), { code: 'RELEASE_DAMAGED' })
  await t.rejects(makeRelease({ ...options, files: [file, file] }), { code: 'RELEASE_DAMAGED' })
  await t.rejects(makeRelease({ ...options, files: [{ ...file, from: join(directory, 'none') }] }), { code: 'ENOENT' })
  await t.rejects(makeRelease({ ...options, privateKey: keyPair().publicKey }))
  t.notOk(existsSync(out))
  t.same(readdirSync(directory), ['a'])
})
