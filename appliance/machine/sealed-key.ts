// The key of the secrets, sealed to this machine's TPM: a copy of the data disk alone opens nothing. Source: systemd-creds(1).
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toApplianceError } from '../errors.ts'
import type { Finding } from './findings.ts'
import type { RunProgram } from './run-program.ts'
import { readOfService, renameInto, type ServiceUser, writeForService } from './service-user.ts'

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
  /** Of this boot alone: a secret that stays unreadable says so where it is used, until it is entered again. */
  findings: Finding[]
}

const keyBytes = 32
/** A sealed key is some 700 bytes of Base64. */
const maxSealedBytes = 16 * 1024
/** Former keys that are tried: a TPM that is changed more often is no accident, and each try takes a second on a slow one. */
const maxFormer = 4
const creds = '/usr/bin/systemd-creds'
/**
 * PCR 23 is for applications and starts as zero at each boot; nothing here extends it, so it binds to no state: an update of
 * kernel, firmware or boot loader would lock the secrets away. What counts is this very TPM. No PCR at all (`--tpm2-pcrs=`)
 * is sealed by systemd 252 too, but it notes no bank of PCRs then, and refuses that when it opens ("PCR bank invalid").
 */
const sealing = ['--with-key=tpm2', '--tpm2-pcrs=23', '--name=secrets.key']

/** Each fits into two lines of the console. */
const said = {
  foreign:
    'The key of the secrets was sealed by another TPM. Bring that back and restart, or enter passwords and keys again.',
  missing:
    'The key of the secrets was sealed by a TPM, which is missing. Bring it back and restart, or enter passwords and keys again.',
  failing: 'The TPM does not open the key of the secrets, and seals none. Restart, or enter passwords and keys again.',
  plain: 'The TPM does not seal the key of the secrets: it stays a plain file.',
  back: 'The TPM that sealed the key of the secrets is back. What was entered in between has to be entered again.',
}

/**
 * Gives the service its key. A plain file in the data directory is sealed and then removed, whatever was sealed before: it
 * was put there later. What this TPM does not open is kept aside, tried again at each boot, and there is a new key. Behind
 * the key in use the service finds former ones that this TPM opens.
 */
export async function openSealedKey(ground: SealedKeyGround, signal: AbortSignal): Promise<OpenedKey> {
  const { dataDir, runDir, tpm, user } = ground
  const sealedPath = join(dataDir, 'secrets.key.sealed')
  const plainPath = join(dataDir, 'secrets.key')
  const work = join(runDir, 'sealing')
  await rm(work, { recursive: true, force: true })
  await mkdir(work, { recursive: true, mode: 0o700 })
  try {
    const sealed = await readOfService(sealedPath, maxSealedBytes)
    const found = await readOfService(plainPath, keyBytes)
    const plain = found?.length === keyBytes ? found : undefined
    const own = tpm && sealed ? await unseal(sealed, work, ground, signal) : undefined
    const former = tpm ? await openFormer(work, ground, signal) : []
    const back = plain || own ? undefined : former[0]
    const aside = sealed !== undefined && !(plain ? own?.equals(plain) : own)
    if (aside) await renameInto(sealedPath, `${sealedPath}.foreign-${ground.now.toISOString().replace(/\W/g, '')}`)
    if (back) await renameInto(back.path, sealedPath)
    // Beside a plain key what was sealed is a former one.
    const lost = aside && !plain && !back
    if (!tpm) return { findings: lost ? [{ about: 'secrets', text: said.missing }] : [] }
    const key = plain ?? own ?? back?.key ?? randomBytes(keyBytes)
    const inPlace = back !== undefined || own?.equals(key) === true
    if (!inPlace && !(await seal(key, sealedPath, work, ground, signal)))
      return { findings: [{ about: 'secrets', text: lost ? said.failing : said.plain }] }
    const path = join(runDir, 'secrets.key')
    const others = [...(own ? [own] : []), ...former.map(each => each.key)].filter(other => !other.equals(key))
    await writeForService(path, Buffer.concat([key, ...others]), 0o400, user)
    // Proven to open, and on the disk. What is no key is left to whoever put it there.
    if (plain) await rm(plainPath)
    const text = lost ? said.foreign : back ? said.back : undefined
    return { path, findings: text === undefined ? [] : [{ about: 'secrets', text }] }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

interface Former {
  path: string
  key: Buffer
}

/** What was kept aside and opens here, the newest first. */
async function openFormer(work: string, ground: SealedKeyGround, signal: AbortSignal): Promise<Former[]> {
  const names = (await readdir(ground.dataDir)).filter(name => /^secrets\.key\.sealed\.foreign-\w+$/.test(name))
  const opened: Former[] = []
  for (const name of names.sort().reverse().slice(0, maxFormer)) {
    const path = join(ground.dataDir, name)
    const blob = await readOfService(path, maxSealedBytes)
    // That it does not open was said when it was put aside.
    const key = blob && (await unseal(blob, work, { ...ground, say: () => undefined }, signal))
    if (key) opened.push({ path, key })
  }
  return opened
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
    await ground.run(creds, ['encrypt', ...sealing, plain, sealed], signal)
  } catch (thrown) {
    signal.throwIfAborted()
    ground.say(toApplianceError(thrown).message)
    return false
  }
  const blob = await readFile(sealed)
  if (!(await unseal(blob, work, ground, signal))?.equals(key)) return false
  try {
    await writeForService(sealedPath, blob, 0o600, ground.user)
    return true
  } catch (thrown) {
    // A data disk without room is the service's to tell.
    ground.say(toApplianceError(thrown).message)
    return false
  }
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
