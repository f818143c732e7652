// What is not there, and what is.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { ignoreMissing } from '../appliance/missing-file.ts'

t.test('what is not there gives nothing; every other error stays one', async t => {
  const directory = t.testdir()
  const file = join(directory, 'file')
  t.equal(await readFile(file, 'utf8').catch(ignoreMissing), undefined)
  await writeFile(file, 'x')
  t.equal(await readFile(file, 'utf8').catch(ignoreMissing), 'x')
  await t.rejects(readdir(file).catch(ignoreMissing), { code: 'ENOTDIR' })
  t.throws(() => ignoreMissing('no error at all'))
})
