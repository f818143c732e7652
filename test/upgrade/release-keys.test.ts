// Keys of releases, with openssl as the witness.
import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadReleaseKeys, signManifest, verifyManifest } from '../../appliance/upgrade/release-keys.ts'
import { keyPair } from './sample-release.ts'

t.test('what openssl signs is verified, and openssl verifies what is signed', async t => {
  const directory = t.testdir({ manifest: 'text', keys: {} })
  const at = (name: string) => join(directory, name)
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' })
  openssl('genpkey', '-algorithm', 'ed25519', '-out', 'private.pem')
  openssl('pkey', '-in', 'private.pem', '-pubout', '-out', 'keys/a.pem')
  openssl('pkeyutl', '-sign', '-rawin', '-inkey', 'private.pem', '-in', 'manifest', '-out', 'sig')
  const keys = await loadReleaseKeys(at('keys'))
  verifyManifest(Buffer.from('text'), readFileSync(at('sig')), keys)
  writeFileSync(at('ours'), signManifest(Buffer.from('text'), createPrivateKey(readFileSync(at('private.pem')))))
  const verified = openssl(
    'pkeyutl',
    '-verify',
    '-rawin',
    '-pubin',
    '-inkey',
    'keys/a.pem',
    '-in',
    'manifest',
    '-sigfile',
    'ours',
  )
  t.match(verified.toString(), /Verified Successfully/)
})

t.test('any of several keys will do; another one, or another text, will not', async t => {
  const [old, next, foreign] = [keyPair(), keyPair(), keyPair()]
  const keys = [old.publicKey, next.publicKey]
  const text = Buffer.from('text')
  for (const { privateKey } of [old, next]) verifyManifest(text, signManifest(text, privateKey), keys)
  const untrusted = { code: 'RELEASE_UNTRUSTED' }
  t.throws(() => verifyManifest(text, signManifest(text, foreign.privateKey), keys), untrusted)
  t.throws(() => verifyManifest(Buffer.from('texT'), signManifest(text, old.privateKey), keys), untrusted)
  t.throws(() => verifyManifest(text, Buffer.alloc(64), keys), untrusted)
  t.throws(() => verifyManifest(text, Buffer.alloc(0), keys), untrusted)
})

t.test('no key, no file of a key, and a key of another kind are refused', async t => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const directory = t.testdir({
    none: { 'readme.txt': 'no key' },
    broken: { 'a.pem': 'no key' },
    rsa: { 'a.pem': rsa.publicKey.export({ type: 'spki', format: 'pem' }) },
  })
  for (const name of ['none', 'broken', 'rsa', 'missing'])
    await t.rejects(loadReleaseKeys(join(directory, name)), { code: 'RELEASE_UNTRUSTED' }, name)
  t.throws(() => signManifest(Buffer.from('text'), rsa.privateKey), /ed25519/)
})
