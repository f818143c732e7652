// Files that only this process may read.
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  createPrivateFile,
  ensureToken,
  makeDurable,
  makePrivateDirectory,
  readPrivateFile,
  replacePrivateFile,
} from '../appliance/private-file.ts'

t.test('a created file has mode 0600, its content, and nothing beside it', async t => {
  const directory = t.testdir()
  const path = join(directory, 'key')
  t.equal(await readPrivateFile(path), undefined)
  t.equal((await createPrivateFile(path, Buffer.from('one'))).toString(), 'one')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal((await readPrivateFile(path))?.toString(), 'one')
  t.strictSame(readdirSync(directory), ['key'])
})

t.test('who comes second gets what the first one made', async t => {
  const path = join(t.testdir(), 'key')
  const made = await Promise.all(['a', 'b', 'c', 'd'].map(text => createPrivateFile(path, Buffer.from(text))))
  t.equal(new Set(made.map(String)).size, 1)
  t.equal((await readPrivateFile(path))?.toString(), String(made[0]))
})

t.test('a replaced file is new, private and alone', async t => {
  const directory = t.testdir()
  const path = join(directory, 'cert')
  await replacePrivateFile(path, Buffer.from('one'))
  await replacePrivateFile(path, Buffer.from('two'))
  t.equal((await readPrivateFile(path))?.toString(), 'two')
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.strictSame(readdirSync(directory), ['cert'])
})

t.test('a file that others have written becomes private', async t => {
  const path = join(t.testdir({ copy: 'content' }), 'copy')
  chmodSync(path, 0o644)
  await makeDurable(path)
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal((await readPrivateFile(path))?.toString(), 'content')
})

t.test('open modes, links, directories and large files are refused, with the reason', async t => {
  const directory = t.testdir({ open: 'x', large: 'x'.repeat(70_000) })
  chmodSync(join(directory, 'open'), 0o640)
  await t.rejects(readPrivateFile(join(directory, 'open')), { code: 'PRIVATE_FILE_UNSAFE', message: /mode is 0640/ })
  chmodSync(join(directory, 'large'), 0o600)
  await t.rejects(readPrivateFile(join(directory, 'large')), { code: 'PRIVATE_FILE_UNSAFE', message: /70000 bytes/ })
  symlinkSync(join(directory, 'large'), join(directory, 'link'))
  await t.rejects(readPrivateFile(join(directory, 'link')), { code: 'PRIVATE_FILE_UNSAFE', message: /symbolic link/ })
  mkdirSync(join(directory, 'folder'), { mode: 0o700 })
  await t.rejects(readPrivateFile(join(directory, 'folder')), { code: 'PRIVATE_FILE_UNSAFE', message: /regular file/ })
  writeFileSync(join(directory, 'file'), '')
  await t.rejects(readPrivateFile(join(directory, 'file', 'below')), { code: 'PRIVATE_FILE_UNSAFE', message: /opened/ })
})

t.test('a file of another user is refused', async t => {
  const getuid = process.getuid
  t.teardown(() => Object.assign(process, { getuid }))
  const path = join(t.testdir(), 'key')
  await createPrivateFile(path, Buffer.from('one'))
  process.getuid = () => 4242
  await t.rejects(readPrivateFile(path), { code: 'PRIVATE_FILE_UNSAFE', message: /belongs to user/ })
})

t.test('a private directory has mode 0700, with its parents', async t => {
  const path = join(t.testdir(), 'a', 'b')
  await makePrivateDirectory(path)
  await makePrivateDirectory(path)
  t.equal(statSync(path).mode & 0o777, 0o700)
})

t.test('a write that fails leaves the old file and nothing beside it', async t => {
  const directory = t.testdir()
  const path = join(directory, 'cert')
  await replacePrivateFile(path, Buffer.from('one'))
  // A content that cannot be written, as on a full disk.
  await t.rejects(replacePrivateFile(path, 7 as unknown as Uint8Array))
  t.strictSame(readdirSync(directory), ['cert'])
  t.equal((await readPrivateFile(path))?.toString(), 'one')
})

t.test('the token is made once, and a short one is refused', async t => {
  const path = join(t.testdir(), 'api-token')
  const token = await ensureToken(path)
  t.match(token, /^[\w-]{43}$/)
  t.equal(await ensureToken(path), token)
  await replacePrivateFile(path, Buffer.from(' short\n'))
  await t.rejects(ensureToken(path), { code: 'PRIVATE_FILE_UNSAFE', message: /no token/ })
})
