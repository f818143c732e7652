// Releases beside the running one: what stands there afterwards, and what a hostile bundle with a good signature can do.
import { execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { Header } from 'tar'
import { type InstallOptions, installRelease } from '../../appliance/upgrade/install-release.ts'
import { endOfArchive } from '../../appliance/upgrade/tar-entries.ts'
import { Random } from '../chaos/random.ts'
import { entry, type Forgery, forgedBundle, keyPair, sampleBundle, sampleFiles } from './sample-release.ts'

const { privateKey, publicKey } = keyPair()

function ground(t: Test) {
  const directory = t.testdir({ releases: { '1.0.0': { 'package.json': 'running' } } })
  const releases = join(directory, 'releases')
  const install = (path: string, signal = new AbortController().signal, changes: Partial<InstallOptions> = {}) =>
    installRelease(path, { releases, keys: [publicKey], running: '1.0.0', signal, ...changes })
  const installBytes = async (bytes: Buffer) => {
    const path = join(directory, 'uploaded')
    writeFileSync(path, bytes)
    return await install(path)
  }
  return { directory, releases, install, installBytes }
}

t.test('the files stand in releases/VERSION as they were signed, and the running release is as it was', async t => {
  const { directory, releases, install } = ground(t)
  const manifest = await install(await sampleBundle(directory, privateKey))
  t.equal(manifest.version, '1.1.0')
  t.same(readdirSync(releases).sort(), ['1.0.0', '1.1.0'], 'nothing unfinished is left')
  const place = join(releases, '1.1.0')
  for (const [path, text] of Object.entries(sampleFiles)) {
    t.equal(readFileSync(join(place, path), 'utf8'), text)
    const { mode, mtime } = lstatSync(join(place, path))
    t.equal(mode & 0o7777, path === 'bin/node' ? 0o755 : 0o644)
    t.equal(mtime.toISOString(), '2026-11-21T10:00:00.000Z')
  }
  t.equal(lstatSync(place).mode & 0o777, 0o755)
  t.equal(JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8')).version, '1.1.0')
  t.equal(readFileSync(join(place, 'manifest.sig')).length, 64)
  t.equal(readFileSync(join(releases, '1.0.0/package.json'), 'utf8'), 'running')
})

t.test('a release that an upgrade has left there is replaced, and so is what a killed process left', async t => {
  const { directory, releases, install } = ground(t)
  for (const name of ['1.1.0', '.unfinished-x/tree']) {
    mkdirSync(join(releases, name), { recursive: true })
    writeFileSync(join(releases, name, 'old'), 'old')
  }
  await install(await sampleBundle(directory, privateKey))
  t.same(readdirSync(releases).sort(), ['1.0.0', '1.1.0'])
  t.notOk(existsSync(join(releases, '1.1.0/old')))
})

/** A header that the maker never makes. */
function odd(fields: object, content = ''): Buffer {
  const header = Buffer.alloc(512)
  const plain = { path: 'a.txt', size: content.length, mode: 0o644, uid: 0, gid: 0, mtime: new Date(0), type: 'File' }
  new Header({ ...plain, ...fields } as ConstructorParameters<typeof Header>[0]).encode(header)
  return entry('a.txt', Buffer.from(content), header)
}

t.test('even well signed, nothing but the listed plain files is unpacked', async t => {
  const { directory, releases, installBytes } = ground(t)
  const a = entry('a.txt', Buffer.from('a'))
  const archives: Record<string, Buffer> = {
    'a symbolic link': odd({ type: 'SymbolicLink', linkpath: '/etc/passwd' }),
    'a hard link': odd({ type: 'Link', linkpath: '/etc/passwd' }),
    'a character device': odd({ type: 'CharacterDevice', devmaj: 1, devmin: 3 }),
    'a block device': odd({ type: 'BlockDevice', devmaj: 8, devmin: 0 }),
    'a pipe': odd({ type: 'FIFO' }),
    'a directory': odd({ type: 'Directory', path: 'a.txt/' }),
    'a long name of GNU': odd({ type: 'NextFileHasLongPath' }, '../../x'),
    'a header of pax': odd({ type: 'ExtendedHeader' }, '15 path=../x\n'),
    'a setuid bit': odd({ mode: 0o4755 }, 'a'),
    'a path upwards': odd({ path: '../a.txt' }, 'a'),
    'an absolute path': odd({ path: '/a.txt' }, 'a'),
    'another name': entry('b.txt', Buffer.from('a')),
    'another content': entry('a.txt', Buffer.from('b')),
    'another size': entry('a.txt', Buffer.from('aa')),
    'the file twice': Buffer.concat([a, a]),
    'one file more': Buffer.concat([a, entry('b.txt', Buffer.from('b'))]),
    'no file': Buffer.alloc(0),
  }
  for (const [what, entries] of Object.entries(archives)) {
    const archive = Buffer.concat([entries, endOfArchive])
    await t.rejects(installBytes(forgedBundle(privateKey, { archive })), { code: 'RELEASE_DAMAGED' }, what)
  }
  const others: Record<string, Forgery> = {
    'no end': { archive: a },
    'something behind the end': { archive: Buffer.concat([a, endOfArchive, Buffer.alloc(512)]) },
    'a bomb behind the end': { archive: Buffer.concat([a, endOfArchive, Buffer.alloc(50 * 2 ** 20)]) },
    'no gzip': { compressed: Buffer.from('no gzip') },
    'half a gzip': { compressed: gzipSync(Buffer.concat([a, endOfArchive])).subarray(0, -9) },
    'paths upwards in the manifest': { files: [['../../x', 'x']] },
    'an absolute path in the manifest': { files: [[join(directory, 'x'), 'x']] },
  }
  for (const [what, forgery] of Object.entries(others))
    await t.rejects(installBytes(forgedBundle(privateKey, forgery)), { code: 'RELEASE_DAMAGED' }, what)
  t.same(readdirSync(releases), ['1.0.0'], 'nothing stays of any')
  t.same(readdirSync(directory).sort(), ['releases', 'uploaded'])
  await installBytes(forgedBundle(privateKey, { archive: Buffer.concat([a, endOfArchive]) }))
  t.same(readdirSync(releases).sort(), ['1.0.0', '1.1.0'], 'the same in order is unpacked')
})

t.test('random archives under a good signature unpack to the listed files or not at all', async t => {
  const { releases, installBytes } = ground(t)
  const files: [string, string][] = [
    ['a.txt', 'a'.repeat(600)],
    ['b/c.txt', 'c'],
  ]
  const plain = Buffer.concat([...files.map(([path, text]) => entry(path, Buffer.from(text))), endOfArchive])
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random('archive', seed)
    const archive = Buffer.from(plain)
    for (let n = random.integer(1, 4); n > 0; n--)
      archive[random.integer(0, archive.length - 1)] = random.integer(0, 255)
    if (archive.equals(plain)) continue
    const code = await installBytes(forgedBundle(privateKey, { archive, files })).then(
      () => 'installed',
      (thrown: { code: string }) => thrown.code,
    )
    if (code !== 'RELEASE_DAMAGED') t.fail(`seed ${seed}: ${code}`)
  }
  t.same(readdirSync(releases), ['1.0.0'])
})

t.test('a bundle that is a link, a pipe, a directory or not there is refused at once', async t => {
  const { directory, releases, install } = ground(t)
  const bundle = await sampleBundle(directory, privateKey)
  symlinkSync(bundle, join(directory, 'link'))
  execFileSync('mkfifo', [join(directory, 'pipe')])
  for (const name of ['link', 'pipe', 'releases', 'none'])
    await t.rejects(install(join(directory, name)), { code: 'RELEASE_DAMAGED' }, name)
  t.same(readdirSync(releases), ['1.0.0'])
})

t.test('one that is given up leaves nothing', async t => {
  const { directory, releases, install } = ground(t)
  const bundle = await sampleBundle(directory, privateKey)
  const reason = new Error('given up')
  await t.rejects(install(bundle, AbortSignal.abort(reason)), reason)
  const controller = new AbortController()
  const installing = install(bundle, controller.signal)
  setImmediate(() => controller.abort(reason))
  await t.rejects(installing)
  t.same(readdirSync(releases), ['1.0.0'])
})

t.test(
  'without room for archive and files at once nothing is written, and an admin is told what lies there',
  async t => {
    const { directory, releases, install } = ground(t)
    const bundle = await sampleBundle(directory, privateKey)
    mkdirSync(join(releases, '0.9.0'))
    // Three files that are not empty, the archive, and the reserve.
    const wanted = 4 * 4096 + 64 * 2 ** 20
    const written: string[] = []
    const tight = (bytes: number) =>
      install(bundle, undefined, {
        freeBytes(asked) {
          t.equal(asked, releases)
          written.push(
            ...readdirSync(releases, { recursive: true, encoding: 'utf8' }).filter(name => /archive|tree/.test(name)),
          )
          return bytes
        },
      })
    await t.rejects(tight(wanted - 1), {
      code: 'RELEASE_NO_ROOM',
      message:
        /system disk .*64 MiB are free, and release 1\.1\.0 takes 65 MiB .* Beside 1\.0\.0, which runs, it holds: 0\.9\.0\.$/,
      hint: /Restart the machine .* OVA .* data disk/,
    })
    t.same(written, [])
    t.same(readdirSync(releases).sort(), ['0.9.0', '1.0.0'])
    await tight(wanted)
    t.same(readdirSync(releases).sort(), ['0.9.0', '1.0.0', '1.1.0'])
  },
)

/** Inside a file system of its own: [directory of the bundle, releases]. */
const script = `
import { createPublicKey } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { installRelease } from '${import.meta.resolve('../../appliance/upgrade/install-release.ts')}'
const [bundle, key, releases, blind] = process.argv.slice(1)
for (const version of ['1.0.0', '1.1.0']) {
  mkdirSync(releases + '/' + version)
  writeFileSync(releases + '/' + version + '/package.json', version)
}
const { bfree } = statfsSync(releases)
const thrown = await installRelease(bundle, {
  releases, keys: [createPublicKey(readFileSync(key))], running: '1.0.0', signal: new AbortController().signal,
  ...(blind === 'blind' ? { freeBytes: () => undefined } : {}),
}).then(() => ({}), error => error)
process.stdout.write(JSON.stringify({
  code: thrown.code, message: thrown.message, hint: thrown.hint, cause: thrown.cause?.code,
  left: readdirSync(releases).sort(), former: readFileSync(releases + '/1.1.0/package.json', 'utf8'),
  taken: bfree - statfsSync(releases).bfree,
}))
`
const canMount = spawnSync('unshare', ['-Urm', 'true']).status === 0

t.test(
  'on a system disk that is full the error has a name, and everything there is as it was',
  { skip: canMount ? false : 'no user namespaces here', timeout: 60_000 },
  async t => {
    const directory = t.testdir({ releases: {} })
    const key = join(directory, 'key.pem')
    writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }))
    const bundleOf = async (name: string, text: string) => {
      const below = join(directory, name)
      mkdirSync(below)
      return await sampleBundle(below, privateKey, { files: { 'large.txt': text } })
    }
    const archiveTooLarge = await bundleOf('archive', randomBytes(2 ** 20).toString('hex'))
    const filesTooLarge = await bundleOf('files', '0'.repeat(2 ** 21))
    const full = (bundle: string, how: 'blind' | 'seeing') => {
      const mounted = `mount -t tmpfs -o size=1m none "$5" && exec "$1" --input-type=module -e "$2" "$3" "$4" "$5" "$6"`
      const args = [process.execPath, script, bundle, key, join(directory, 'releases'), how]
      const run = spawnSync('unshare', ['-Urm', 'sh', '-c', mounted, 'sh', ...args], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH },
      })
      t.equal(run.status, 0, run.stderr)
      return JSON.parse(run.stdout)
    }
    const asBefore = { code: 'RELEASE_NO_ROOM', left: ['1.0.0', '1.1.0'], former: '1.1.0', taken: 0 }
    const unforeseen = { ...asBefore, cause: 'ENOSPC', message: /became full .* it holds: 1\.1\.0\.$/, hint: /OVA/ }
    t.match(full(archiveTooLarge, 'blind'), unforeseen)
    t.match(full(filesTooLarge, 'blind'), unforeseen)
    const foreseen = full(filesTooLarge, 'seeing')
    t.match(foreseen, { ...asBefore, message: /0 MiB are free/ })
    t.notOk('cause' in foreseen)
  },
)
