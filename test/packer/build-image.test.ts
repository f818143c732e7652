// The command's options; a whole image takes minutes and is built by npm run test-ova.
import { generateKeyPairSync } from 'node:crypto'
import { join } from 'node:path'
import t from 'tap'
import { optionsOf, UsageError } from '../../packer/build-image.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const files = {
  'public.pem': publicKey.export({ type: 'spki', format: 'pem' }) as string,
  'private.pem': privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  'public.key': publicKey.export({ type: 'spki', format: 'pem' }) as string,
  'broken.pem': 'no key',
  'rsa.pem': generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({
    type: 'spki',
    format: 'pem',
  }) as string,
}
const env = { SOURCE_DATE_EPOCH: '1700000000' }

t.test('without options the image goes into the cache, with the time of the commit', async t => {
  t.match(await optionsOf([], {}), {
    out: /\/\.cache\/image$/,
    bases: /\/\.cache\/image-base$/,
    releaseKeys: [],
    sources: undefined,
    modifiedAt: Number,
  })
  t.equal(await optionsOf(['--help'], {}), 'help')
})

t.test('every option arrives', async t => {
  const directory = t.testdir(files)
  const key = join(directory, 'public.pem')
  const args = ['--out', '/x', '--bases', '/y', '--release-key', key, '--release-key', key, '--sources', 's']
  t.strictSame(await optionsOf(args, env), {
    out: '/x',
    bases: '/y',
    releaseKeys: [key, key],
    sources: 's',
    modifiedAt: 1_700_000_000,
  })
})

t.test('what is no public ed25519 key is refused, a private one above all', async t => {
  const directory = t.testdir(files)
  const refused: [string, RegExp][] = [
    ['private.pem', /private key/],
    ['public.key', /\*\.pem/],
    ['broken.pem', /no public key/],
    ['rsa.pem', /no ed25519 key/],
  ]
  for (const [name, message] of refused)
    await t.rejects(optionsOf(['--release-key', join(directory, name)], env), { name: 'UsageError', message })
  await t.rejects(optionsOf(['--release-key', join(directory, 'none.pem')], env), { code: 'ENOENT' })
})

t.test('a slip in the command line is told', async t => {
  await t.rejects(optionsOf(['--ouput', 'x'], env), UsageError)
  await t.rejects(optionsOf([], { SOURCE_DATE_EPOCH: 'today' }), { message: /SOURCE_DATE_EPOCH/ })
})
