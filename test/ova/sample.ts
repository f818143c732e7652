// Small disks and signing keys for the tests of ova/, and the programs of others that read what it writes.
import { execFile } from 'node:child_process'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type PackageOptions, packageOva } from '../../ova/package.ts'
import { fillNoise, seededNumbers } from '../disk/sample-disks.ts'

export const run = promisify(execFile)

export const MODIFIED_AT = 1_700_000_000

/** A sparse raw image: noise and text here and there, the last sector written for every second seed. */
export async function writeSystemDisk(directory: string, { seed = 1, mebibytes = 40 } = {}): Promise<string> {
  const path = join(directory, `system-${seed}.raw`)
  const sizeBytes = mebibytes * 2 ** 20
  const next = seededNumbers(seed)
  await using file = await open(path, 'wx')
  await file.truncate(sizeBytes)
  for (let extents = 2 + (next() % 10); extents > 0; extents--) {
    const bytes = Buffer.alloc(512 * (1 + (next() % 700)))
    if (next() % 2 === 0) fillNoise(bytes, next)
    else bytes.fill(`extent ${extents} `)
    const start = (next() % (sizeBytes / 512)) * 512
    await file.write(bytes, 0, Math.min(bytes.length, sizeBytes - start), start)
  }
  if (seed % 2 === 0) await file.write(Buffer.alloc(512, 'end'), 0, 512, sizeBytes - 512)
  return path
}

/** Packs a disk with what a test does not care about filled in. */
export async function pack(
  directory: string,
  options: Partial<PackageOptions> & Pick<PackageOptions, 'diskPath'>,
): Promise<{ ova: string; optionsPath: string; sizeBytes: number; sha256: string }> {
  const ova = options.outPath ?? join(directory, 'sample.ova')
  const result = await packageOva({
    outPath: ova,
    version: '1.2.3',
    modifiedAt: MODIFIED_AT,
    eula: 'Terms & <conditions>\n\n  "as is"',
    provisioning: 'thin',
    workers: 1,
    signal: new AbortController().signal,
    ...options,
  })
  return { ova, ...result }
}

/** A key and a certificate, made by openssl; `kind` as `openssl req -newkey` has it. */
export async function makeSigner(directory: string, { name = 'signer', kind = ['rsa:2048'], passphrase = '' } = {}) {
  const paths = { privateKey: join(directory, `${name}.key`), certificate: join(directory, `${name}.pem`) }
  const secrecy = passphrase === '' ? ['-nodes'] : ['-passout', `pass:${passphrase}`]
  const subject = ['-subj', `/CN=${name}`, '-days', '30']
  const files = ['-keyout', paths.privateKey, '-out', paths.certificate]
  await run('openssl', ['req', '-x509', '-newkey', ...kind, ...secrecy, ...subject, ...files])
  return {
    paths,
    privateKey: await readFile(paths.privateKey, 'utf8'),
    certificate: await readFile(paths.certificate, 'utf8'),
  }
}

/** What a program printed on its way to failing; `undefined` when it did not fail. */
export async function printedByFailure(running: Promise<unknown>): Promise<string | undefined> {
  try {
    await running
    return undefined
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return stdout + stderr
  }
}
