// Release bundles of this tree, as a later version of it would be: good ones, and ones that no appliance may keep.
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { copyFile, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { migrations } from '../../appliance/store/migrate.ts'
import { makeRelease } from '../../appliance/upgrade/make-release.ts'
import { releaseFiles } from '../../packer/release-files.ts'
import { sampleBundle } from '../upgrade/sample-release.ts'

const top = join(import.meta.dirname, '..', '..')

export interface ReleaseMaker {
  /** PEM, for the appliance. */
  publicKey: string
  /** This tree under another version, and with one step of the schema more than the tree or the bundle before has. */
  whole(version: string): Promise<string>
  /** As `whole`, and the service never says that it is ready. */
  broken(version: string): Promise<string>
  /** Small ones, each of which is refused: the code of the refusal and the bundle. */
  refused(good: string): Promise<Record<string, string>>
}

export async function releaseMaker(directory: string): Promise<ReleaseMaker> {
  await mkdir(directory, { recursive: true })
  const { privateKey, publicKey } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  const key = createPrivateKey(privateKey)
  let schemaSteps = 0
  const withSchema = async () => ({ [schemaFile]: await schemaWith(++schemaSteps) })
  return {
    publicKey,
    whole: async version => await bundle(directory, version, key, await withSchema()),
    broken: async version =>
      await bundle(directory, version, key, {
        ...(await withSchema()),
        'appliance/main.ts':
          '// Broken on purpose: it starts, and does nothing.\nsetInterval(() => undefined, 60_000)\n',
      }),
    async refused(good) {
      const tampered = join(directory, 'tampered.tar')
      await copyFile(good, tampered)
      const file = await open(tampered, 'r+')
      const at = Math.floor((await stat(good)).size * 0.9)
      const { buffer } = await file.read(Buffer.alloc(1), 0, 1, at)
      await file.write(Buffer.from([(buffer[0] ?? 0) ^ 0x40]), 0, 1, at)
      await file.close()
      const stranger = generateKeyPairSync('ed25519').privateKey
      return {
        RELEASE_DAMAGED: tampered,
        RELEASE_NOT_NEWER: await sampleBundle(join(directory, 'older'), key, {
          version: '0.0.9',
          minimumVersion: '0.0.1',
        }),
        RELEASE_UNTRUSTED: await sampleBundle(join(directory, 'foreign'), stranger, { version: '9.0.0' }),
      }
    },
  }
}

const schemaFile = 'appliance/store/migrate.ts'

/** The schema's steps, and so many more. */
async function schemaWith(more: number): Promise<string> {
  const text = await readFile(join(top, schemaFile), 'utf8')
  const steps = Array.from({ length: more }, (_, index) => {
    const version = migrations.length + index + 1
    return `{ version: ${version}, up: sqlite => sqlite.exec('CREATE TABLE later_${version} (at TEXT) STRICT') }`
  })
  const extended = text.replace(/(export const migrations: [^=]+= \[)([^\]]+)\]/, `$1$2, ${steps.join(', ')}]`)
  if (extended === text) throw new Error(`${schemaFile} has no list of steps any more`)
  return extended
}

async function bundle(directory: string, version: string, privateKey: KeyObject, instead: Record<string, string>) {
  const own = join(directory, `own-${version}`)
  await mkdir(own)
  const described = JSON.parse(await readFile(join(top, 'package.json'), 'utf8'))
  const replaced: Record<string, string> = { 'package.json': JSON.stringify({ ...described, version }), ...instead }
  const files = await Promise.all(
    (await releaseFiles(top)).map(async file => {
      const text = replaced[file.path]
      if (text === undefined) return file
      const from = join(own, file.path.replaceAll('/', '-'))
      await writeFile(from, text)
      return { ...file, from }
    }),
  )
  const out = join(directory, `hoist-${version}.tar`)
  await makeRelease({ version, minimumVersion: '0.1.0', releasedAt: new Date(), files, privateKey, out })
  await rm(own, { recursive: true })
  return out
}
