// Which lines of a sources file the image takes, and which files it refuses.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { packageSources } from '../../packer/package-sources.ts'

const file = async (directory: string, lines: string[]) => {
  const path = join(directory, 'sources.list')
  await writeFile(path, lines.join('\n'))
  return path
}

t.test('of every source, main is taken and nothing else', async t => {
  const path = await file(t.testdir(), [
    '# deb http://commented.example/debian bookworm main',
    'deb http://one.example/debian bookworm main contrib non-free',
    'deb [arch=amd64] http://one.example/debian bookworm-updates contrib main',
    'deb-src http://one.example/debian bookworm main',
    'deb http://two.example/security bookworm-security main',
    'deb http://three.example/debian bookworm contrib',
  ])
  t.equal(
    await packageSources(path),
    'deb http://one.example/debian bookworm main\n' +
      'deb http://one.example/debian bookworm-updates main\n' +
      'deb http://two.example/security bookworm-security main\n',
  )
})

t.test('a file without security updates, or none at all, makes no image', async t => {
  const lines = ['bookworm', 'bookworm-updates'].map(suite => `deb http://one.example/debian ${suite} main`)
  await t.rejects(packageSources(await file(t.testdir(), lines)), { message: /no source of bookworm-security, main/ })
  await t.rejects(packageSources(join(t.testdir(), 'none')), { message: /--sources/ })
})
