// Files for the service: links in their place are replaced or not read, never followed, and directories moved aside.
import { lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readOfService, renameInto, serviceUser, writeForService } from '../../appliance/machine/service-user.ts'
import { labRoot } from './boot-lab.ts'

t.test('the user is found in the list of users; root is not one', async t => {
  const root = labRoot(t.testdir())
  t.ok((await serviceUser(root)).uid > 0)
  for (const text of ['', 'xhoist:x:1:1::/:/x\n', 'hoist:x:0:0::/:/x\n']) {
    writeFileSync(join(root, 'etc/passwd'), text)
    await t.rejects(serviceUser(root), { code: 'MACHINE_FAILED' })
  }
})

t.test('a file is written with its mode and owner, over a link and not through it', async t => {
  const root = labRoot(t.testdir({ outside: 'kept' }))
  const user = await serviceUser(root)
  const path = join(root, 'var/lib/hoist/file')
  symlinkSync(join(root, 'outside'), path)
  await writeForService(path, Buffer.from('new'), 0o400, user)
  const stats = lstatSync(path)
  t.same([stats.isFile(), stats.mode & 0o777, stats.uid, stats.gid], [true, 0o400, user.uid, user.gid])
  t.equal(readFileSync(join(root, 'outside'), 'utf8'), 'kept')
})

t.test('a directory in its place, with whatever is in it, makes way under a name that nobody has guessed', async t => {
  const root = labRoot(t.testdir())
  const data = join(root, 'var/lib/hoist')
  mkdirSync(join(data, 'file/full'), { recursive: true })
  await writeForService(join(data, 'file'), Buffer.from('new'), 0o600, await serviceUser(root))
  t.equal(readFileSync(join(data, 'file'), 'utf8'), 'new')
  t.match(readdirSync(data).sort(), ['file', /^file\.aside-[0-9a-f]{12}$/])
  writeFileSync(join(data, 'other'), 'other')
  await renameInto(join(data, 'other'), join(data, 'file'))
  t.equal(readFileSync(join(data, 'file'), 'utf8'), 'other', 'a file is replaced')
  t.equal(readdirSync(data).length, 2)
})

t.test('only a file of a bearable size is read', async t => {
  const root = labRoot(t.testdir({ outside: 'secret' }))
  const at = (name: string) => join(root, name)
  writeFileSync(at('file'), '12345')
  symlinkSync(at('outside'), at('link'))
  mkdirSync(at('directory'))
  t.equal(String(await readOfService(at('file'), 5)), '12345')
  t.equal(await readOfService(at('file'), 4), undefined)
  for (const name of ['link', 'directory', 'none']) t.equal(await readOfService(at(name), 100), undefined, name)
})
