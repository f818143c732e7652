import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { formatCertificate, formatManifest, sha256 } from '../../ova/manifest.ts'
import { makeSigner, printedByFailure, run } from './sample.ts'

t.test('sha256sum checks files by the manifest, and sees one that was changed', async t => {
  const cwd = t.testdir({ 'a.ovf': 'first', 'b.vmdk': 'second' })
  const manifest = formatManifest([
    { fileName: 'a.ovf', sha256: sha256('first') },
    { fileName: 'b.vmdk', sha256: sha256(Buffer.from('second')) },
  ])
  await writeFile(join(cwd, 'a.mf'), manifest)
  t.equal((await run('sha256sum', ['--strict', '-c', 'a.mf'], { cwd })).stdout, 'a.ovf: OK\nb.vmdk: OK\n')
  await writeFile(join(cwd, 'b.vmdk'), 'sEcond')
  t.match(await printedByFailure(run('sha256sum', ['--strict', '-c', 'a.mf'], { cwd })), /b.vmdk: FAILED/)
})

t.test('a name or digest that would make another line is refused', async t => {
  for (const fileName of ['', 'a)b', 'a b', 'a\nb', '../a'])
    t.throws(() => formatManifest([{ fileName, sha256: sha256('') }]), RangeError, JSON.stringify(fileName))
  t.throws(() => formatManifest([{ fileName: 'a', sha256: 'xyz' }]), RangeError)
})

t.test(
  'openssl verifies the signature by the certificate that stands under it, and refuses another manifest',
  async t => {
    const directory = t.testdir()
    const signer = await makeSigner(directory)
    const manifest = formatManifest([{ fileName: 'a.ovf', sha256: sha256('first') }])
    const text = formatCertificate('a.mf', manifest, signer)
    t.equal(formatCertificate('a.mf', manifest, signer), text, 'the same each time')
    const [, signature = '', certificate = ''] = /^SHA256\(a\.mf\)= ([0-9a-f]{512})\n([\s\S]*)$/.exec(text) ?? []
    t.equal(certificate, signer.certificate)
    const path = (name: string) => join(directory, name)
    await writeFile(path('signature'), Buffer.from(signature, 'hex'))
    await writeFile(path('certificate'), certificate)
    await writeFile(path('a.mf'), manifest)
    await writeFile(path('other.mf'), manifest.replace('a.ovf', 'b.ovf'))
    const { stdout } = await run('openssl', ['x509', '-in', path('certificate'), '-noout', '-pubkey'])
    await writeFile(path('public'), stdout)
    const verify = (name: string) =>
      run('openssl', ['dgst', '-sha256', '-verify', path('public'), '-signature', path('signature'), path(name)])
    t.match((await verify('a.mf')).stdout, /Verified OK/)
    t.match(await printedByFailure(verify('other.mf')), /Verification failure/)
  },
)

t.test('a key that vCenter would not take is refused in words that tell nothing of it', async t => {
  const directory = t.testdir()
  const [rsa, other, short, curve, locked] = await Promise.all([
    makeSigner(directory),
    makeSigner(directory, { name: 'other' }),
    makeSigner(directory, { name: 'short', kind: ['rsa:1024'] }),
    makeSigner(directory, { name: 'curve', kind: ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] }),
    makeSigner(directory, { name: 'locked', passphrase: 'canary-passphrase' }),
  ])
  const message = (signer: { privateKey: string; certificate: string }) => {
    try {
      formatCertificate('a.mf', 'x', signer)
      return 'signed'
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }
  t.match(message(curve), /RSA key of at least 2048 bits/)
  t.match(message(short), /RSA key of at least 2048 bits/)
  t.match(message(locked), /PEM without a passphrase/)
  t.match(message({ ...rsa, privateKey: 'canary-key' }), /^the signing key cannot be read: it has to be PEM without a/)
  t.match(message({ ...rsa, certificate: 'nothing' }), /certificate cannot be read/)
  t.match(message({ ...rsa, certificate: other.certificate }), /not that of the signing key/)
  t.equal(message(rsa), 'signed')
})
