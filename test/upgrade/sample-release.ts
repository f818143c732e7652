// Small releases with throw-away keys, and bundles that no maker makes: signed all the same, to see who refuses them.
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { makeRelease } from '../../appliance/upgrade/make-release.ts'
import { endOfArchive, headerOf, paddingOf } from '../../appliance/upgrade/tar-entries.ts'

export const keyPair = (): { privateKey: KeyObject; publicKey: KeyObject } => generateKeyPairSync('ed25519')

export const sampleFiles: Record<string, string> = {
  'appliance/main.ts': '// The process.\nprocess.exit(0)\n',
  'bin/node': `#!/bin/sh\n${'exit 0\n'.repeat(100)}`,
  'empty.txt': '',
  'package.json': '{}\n',
}

/** A bundle of small files; returns its path. */
export async function sampleBundle(
  directory: string,
  privateKey: KeyObject,
  { version = '1.1.0', minimumVersion = '1.0.0', files = sampleFiles, product = 'hoist' } = {},
): Promise<string> {
  const tree = join(directory, `tree-${version}`)
  const out = join(directory, `${product}-${version}.tar`)
  const sources = Object.entries(files).map(([path, text]) => {
    const from = join(tree, path)
    mkdirSync(dirname(from), { recursive: true })
    writeFileSync(from, text)
    return { path, from, executable: path.startsWith('bin/') }
  })
  await makeRelease({
    version,
    minimumVersion,
    releasedAt: new Date('2026-11-21T10:00:00.123Z'),
    files: sources,
    privateKey,
    out,
    product,
  })
  return out
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

export const entry = (
  path: string,
  content: Buffer,
  header = headerOf({ path, sizeBytes: content.length, executable: false }),
) => Buffer.concat([header, content, Buffer.alloc(paddingOf({ sizeBytes: content.length }))])

export interface Forgery {
  /** Of the inner archive, uncompressed. */
  archive?: Buffer
  /** Compressed: in the place of gzip's. */
  compressed?: Buffer
  /** What the manifest lists: path and content. */
  files?: [string, string][]
  /** Over the fields of the manifest. */
  fields?: object
  manifestText?: string
  signature?: (manifest: Buffer) => Buffer
}

/** A whole bundle, signed with a key that is trusted, of whatever shape. */
export function forgedBundle(privateKey: KeyObject, forgery: Forgery): Buffer {
  const files = forgery.files ?? [['a.txt', 'a']]
  const archive =
    forgery.archive ?? Buffer.concat([...files.map(([path, text]) => entry(path, Buffer.from(text))), endOfArchive])
  const compressed = forgery.compressed ?? gzipSync(archive)
  const manifest = Buffer.from(
    forgery.manifestText ??
      JSON.stringify({
        format: 1,
        product: 'hoist',
        version: '1.1.0',
        minimumVersion: '1.0.0',
        releasedAt: '2026-11-21T10:00:00Z',
        archive: { sizeBytes: compressed.length, sha256: sha256(compressed) },
        files: files.map(([path, text]) => ({
          path,
          sizeBytes: Buffer.byteLength(text),
          sha256: sha256(Buffer.from(text)),
          executable: false,
        })),
        ...forgery.fields,
      }),
  )
  const signature = forgery.signature?.(manifest) ?? sign(null, manifest, privateKey)
  return Buffer.concat([
    entry('manifest.json', manifest),
    entry('manifest.sig', signature),
    entry('release.tar.gz', compressed),
    endOfArchive,
  ])
}
