// The key of the secrets, sealed to this machine's TPM: a copy of the data disk alone opens nothing. Source: systemd-creds(1).
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toApplianceError } from '../errors.ts'
import type { Finding } from './findings.ts'
import type { RunProgram } from './run-program.ts'
import { readOfService, type ServiceUser, writeForService } from './service-user.ts'

export interface SealedKeyGround {
  run: RunProgram
  /** Whether there is a TPM. */
  tpm: boolean
  /** Mounted. */
  dataDir: string
  /** On a tmpfs, others enter it: where the key is for the service. */
  runDir: string
  user: ServiceUser
  now: Date
  /** For the journal. */
  say(text: string): void
}

export interface OpenedKey {
  /** For HOIST_SECRETS_KEY; absent: the service keeps its key by itself, in a plain file. */
  path?: string
  findings: Finding[]
}

const keyBytes = 32
/** A sealed key is some 700 bytes of Base64. */
const maxSealedBytes = 16 * 1024
const creds = '/usr/bin/systemd-creds'

/**
 * Gives the service its key. A plain file in the data directory is sealed and then removed, whatever was sealed before: it
 * was put there later. What was sealed by another machine is kept aside, and there is a new key.
 */
export async function openSealedKey(ground: SealedKeyGround, signal: AbortSignal): Promise<OpenedKey> {
  const { dataDir, runDir, tpm, user } = ground
  const sealedPath = join(dataDir, 'secrets.key.sealed')
  const plainPath = join(dataDir, 'secrets.key')
  const findings: Finding[] = []
  const work = join(runDir, 'sealing')
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true, mode: 0o700 })
  try {
    const sealed = await readOfService(sealedPath, maxSealedBytes)
    const found = await readOfService(plainPath, keyBytes)
    const plain = found?.length === keyBytes ? found : undefined
    let key = tpm && sealed && !plain ? await unseal(sealed, work, ground, signal) : undefined
    if (sealed && !plain && !key) {
      const aside = `${sealedPath}.foreign-${ground.now.toISOString().replace(/\W/g, '')}`
      await rename(sealedPath, aside)
      findings.push({
        about: 'secrets',
        text: 'The key of the stored secrets was sealed by the TPM of another machine: passwords and keys have to be entered again.',
      })
    }
    if (!tpm) return { findings }
    if (!key) {
      key = plain ?? randomBytes(keyBytes)
      if (!(await seal(key, sealedPath, work, ground, signal))) {
        findings.push({
          about: 'secrets',
          text: 'The TPM does not seal the key of the stored secrets: it stays a plain file.',
        })
        return { findings }
      }
    }
    const path = join(runDir, 'secrets.key')
    await writeForService(path, key, 0o400, user)
    // Proven to open, and on the disk. What is no key is left to whoever put it there.
    if (plain) await rm(plainPath)
    return { path, findings }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Whether the sealed key is in its place, and was proven to open. */
async function seal(
  key: Buffer,
  sealedPath: string,
  work: string,
  ground: SealedKeyGround,
  signal: AbortSignal,
): Promise<boolean> {
  const plain = join(work, 'plain')
  const sealed = join(work, 'sealed')
  await writeFile(plain, key, { mode: 0o600 })
  try {
    // No PCRs: an update of kernel or boot loader would lock the secrets away. What counts is this very TPM.
    const options = ['--with-key=tpm2', '--tpm2-pcrs=', '--name=secrets.key']
    await ground.run(creds, ['encrypt', ...options, plain, sealed], signal)
  } catch (thrown) {
    signal.throwIfAborted()
    ground.say(toApplianceError(thrown).message)
    return false
  }
  const blob = await readFile(sealed)
  if (!(await unseal(blob, work, ground, signal))?.equals(key)) return false
  await writeForService(sealedPath, blob, 0o600, ground.user)
  return true
}

/** Undefined when this TPM does not open it. */
async function unseal(
  blob: Buffer,
  work: string,
  { run, say }: SealedKeyGround,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const sealed = join(work, 'to-open')
  const opened = join(work, 'opened')
  await writeFile(sealed, blob, { mode: 0o600 })
  await rm(opened, { force: true })
  try {
    await run(creds, ['decrypt', '--name=secrets.key', sealed, opened], signal)
    const key = await readFile(opened)
    return key.length === keyBytes ? key : undefined
  } catch (thrown) {
    signal.throwIfAborted()
    say(toApplianceError(thrown).message)
    return undefined // Of another TPM, or damaged: it is kept aside either way.
  }
}
