// Writing to prove that writes are taken: real files, real read-only and full file systems, and the errors that only a dying disk gives.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { proofName, writeProof } from '../../appliance/health/write-proof.ts'

const { signal } = new AbortController()
const files = { open, unlink }
const errno = (number: number, code: string) =>
  Object.assign(new Error(code), { errno: -number, code, syscall: 'fsync' })
/** Real files, with one thing of theirs another. */
const opening = (change: (file: FileHandle) => void) => ({
  ...files,
  open: async (...args: Parameters<typeof open>) => {
    const file = await open(...args)
    change(file)
    return file
  },
})
const failing = (thrown: Error) =>
  opening(file => {
    file.sync = () => Promise.reject(thrown)
  })

t.test('a directory that takes writes is left as it was, each time', async t => {
  const directory = t.testdir({ 'hoist.db': 'store' })
  const synced: string[] = []
  const watched = opening(file => {
    const { sync } = file
    file.sync = async () => {
      synced.push(`${readFileSync(join(directory, proofName)).length} bytes`)
      await sync.call(file)
    }
  })
  const prove = writeProof(directory, { files: watched })
  for (let time = 0; time < 2; time += 1) t.same(await prove(signal), { state: 'writable' })
  t.same(synced, ['4096 bytes', '4096 bytes'], 'what is written is on the disk before it counts')
  t.same(readdirSync(directory), ['hoist.db'])
})

t.test('what a killed service left is removed; a link is, too, and never followed', async t => {
  const directory = t.testdir({ [proofName]: 'half', elsewhere: 'precious' })
  const prove = writeProof(directory)
  t.same(await prove(signal), { state: 'writable' })
  symlinkSync('elsewhere', join(directory, proofName))
  t.same(await prove(signal), { state: 'writable' })
  t.same(readdirSync(directory), ['elsewhere'])
  t.equal(readFileSync(join(directory, 'elsewhere'), 'utf8'), 'precious')
  // Planted between the removal and the write.
  const planted = {
    ...files,
    open: async (...args: Parameters<typeof open>) => {
      symlinkSync('elsewhere', join(directory, proofName))
      return await open(...args)
    },
  }
  await t.rejects(writeProof(directory, { files: planted })(signal), { code: 'EEXIST' })
  t.equal(readFileSync(join(directory, 'elsewhere'), 'utf8'), 'precious')
})

for (const [number, code] of Object.entries({ 5: 'EIO', 30: 'EROFS', 117: 'EUCLEAN' }))
  t.test(`a sync that fails with ${code} is a refusal, and nothing stays behind`, async t => {
    const directory = t.testdir({})
    const prove = writeProof(directory, { files: failing(errno(Number(number), code)) })
    t.same(await prove(signal), { state: 'refused', why: code })
    t.same(readdirSync(directory), [])
  })

t.test('no room is told apart, and what is not the disk is thrown', async t => {
  const directory = t.testdir({})
  t.same(await writeProof(directory, { files: failing(errno(28, 'ENOSPC')) })(signal), { state: 'full' })
  const thrown = new Error('something else')
  await t.rejects(writeProof(directory, { files: failing(thrown) })(signal), thrown)
  await t.rejects(writeProof('/nowhere')(signal), { code: 'ENOENT' })
})

t.test('a write that hangs is told after a while, is never joined by a second, and is over when it ends', async t => {
  const directory = t.testdir({})
  const { promise: back, resolve } = Promise.withResolvers<void>()
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>()
  let opened = 0
  const hanging = opening(file => {
    opened += 1
    const { sync } = file
    file.sync = async () => {
      reach()
      await back
      await sync.call(file)
    }
  })
  const prove = writeProof(directory, { files: hanging, patienceMs: 1 })
  t.match(await prove(signal), { state: 'hanging', forMs: Number })
  await reached
  t.match(await prove(signal), { state: 'hanging' })
  t.equal(opened, 1)
  const stopped = new AbortController()
  const patient = writeProof(directory, { files: { ...files, unlink: () => back } })(stopped.signal)
  stopped.abort()
  await t.rejects(patient, { name: 'AbortError' })
  resolve()
  let last = await prove(signal)
  while (last.state === 'hanging') last = await prove(signal)
  t.same(last, { state: 'writable' })
})

const canMount = spawnSync('unshare', ['-Urm', 'true']).status === 0

for (const [state, prepare] of Object.entries({
  refused: 'mount -o remount,ro "$1"',
  full: 'dd if=/dev/zero of="$1/filler" bs=4k status=none 2>/dev/null || true',
}))
  t.test(`a real file system answers: ${state}`, { skip: canMount ? false : 'no mount namespaces here' }, async t => {
    const directory = t.testdir({})
    const module = join(import.meta.dirname, '../../appliance/health/write-proof.ts')
    const script = `import { writeProof } from ${JSON.stringify(module)}
      console.log(JSON.stringify(await writeProof(process.argv[1])(AbortSignal.timeout(60_000))))`
    const mounted = `mount -t tmpfs -o size=64k none "$1" && { ${prepare}; } && exec "$2" --input-type=module -e "$3" "$1"`
    const args = ['-Urm', 'sh', '-c', mounted, 'sh', directory, process.execPath, script]
    const { stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', env: { PATH: process.env.PATH } })
    t.match(JSON.parse(stdout || `"${stderr}"`), state === 'full' ? { state } : { state, why: 'EROFS' })
  })
