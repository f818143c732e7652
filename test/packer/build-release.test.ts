// The command that makes a bundle: what it asks for, and what it does not take. A whole bundle takes a quarter of a minute.
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'

const command = join(import.meta.dirname, '../../packer/build-release.ts')
const run = (args: string[], env: object = {}) =>
  promisify(execFile)(process.execPath, [command, ...args], { env: { ...process.env, ...env } }).then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (thrown: { code: number; stdout: string; stderr: string }) => thrown,
  )

t.test('it says how it is used', async t => {
  t.match(await run(['--help']), { code: 0, stdout: /--key FILE --out FILE/ })
  t.match(await run([]), { code: 2, stdout: /Usage/ })
  t.match(await run(['--out', 'x']), { code: 2 })
  t.match(await run(['--kee', 'x']), { code: 1, stderr: /--kee/ })
})

t.test('a key that is none or of another kind, and a date that is none, make no bundle', async t => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' })
  const directory = t.testdir({ broken: 'no key', rsa })
  const at = (name: string) => join(directory, name)
  t.match(await run(['--key', at('none'), '--out', at('x.tar')]), { code: 1, stderr: /ENOENT/ })
  t.match(await run(['--key', at('broken'), '--out', at('x.tar')]), { code: 1 })
  t.match(await run(['--key', at('rsa'), '--out', at('x.tar')]), { code: 1, stderr: /ed25519/ })
  t.match(await run(['--key', at('rsa'), '--out', at('x.tar')], { SOURCE_DATE_EPOCH: 'today' }), {
    code: 1,
    stderr: /SOURCE_DATE_EPOCH/,
  })
  t.same(readdirSync(directory).sort(), ['broken', 'rsa'])
})
