// Files and links that are replaced in one step.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { replaceFile, replaceLink } from '../appliance/durable-file.ts'

t.test('a file has its content and its mode, whatever the umask, and takes the place of an older one', async t => {
  const directory = t.testdir({ old: 'old' })
  const umask = process.umask(0o077)
  t.teardown(() => process.umask(umask))
  await replaceFile(join(directory, 'old'), 'new', 0o644)
  await replaceFile(join(directory, 'more'), Buffer.from('more'), 0o600)
  t.equal(readFileSync(join(directory, 'old'), 'utf8'), 'new')
  t.equal(lstatSync(join(directory, 'old')).mode & 0o777, 0o644)
  t.equal(lstatSync(join(directory, 'more')).mode & 0o777, 0o600)
  t.same(readdirSync(directory).sort(), ['more', 'old'])
})

t.test('a link is replaced, never followed', async t => {
  const directory = t.testdir({ a: {}, b: {} })
  const link = join(directory, 'current')
  await replaceLink(link, 'a')
  await replaceLink(link, 'b')
  t.equal(readlinkSync(link), 'b')
  t.same(readdirSync(join(directory, 'a')), [])
})

t.test('after a failure nothing is left beside what was there', async t => {
  const directory = t.testdir({ full: { file: '' } })
  await t.rejects(replaceFile(join(directory, 'full'), 'x', 0o644), { code: 'EISDIR' })
  await t.rejects(replaceLink(join(directory, 'full'), 'x'), { code: 'EISDIR' })
  t.same(readdirSync(directory), ['full'])
})
