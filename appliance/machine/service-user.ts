// Files that root makes for the service: in a directory that the service's user owns, where every name may be a trap.
import { randomBytes } from 'node:crypto'
import { constants, lstat, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { syncDirectory } from '../private-file.ts'

export interface ServiceUser {
  uid: number
  gid: number
}

/** Out of /etc/passwd: there is no other list of users here. @throws {ApplianceError} MACHINE_FAILED */
export async function serviceUser(root: string): Promise<ServiceUser> {
  const passwd = await readFile(join(root, 'etc/passwd'), 'utf8')
  const [, uid, gid] = /^hoist:[^:]*:([0-9]+):([0-9]+):/m.exec(passwd) ?? []
  if (uid === undefined || gid === undefined || Number(uid) === 0)
    throw new ApplianceError('MACHINE_FAILED', 'This machine has no user "hoist".', {
      hint: 'Deploy the appliance again.',
    })
  return { uid: Number(uid), gid: Number(gid) }
}

/**
 * Over an older one if there is one; a link in its place is replaced, never followed, and a directory moved aside. A power
 * cut leaves the old or the new.
 */
export async function writeForService(
  path: string,
  content: Uint8Array,
  mode: number,
  user: ServiceUser,
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.chmod(mode)
      await file.chown(user.uid, user.gid)
      await file.sync()
    } finally {
      await file.close()
    }
    await renameInto(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
  await syncDirectory(path)
}

/** A file takes a name, whatever the service's user has put there: a directory, which no file replaces, gets another name. */
export async function renameInto(from: string, to: string): Promise<void> {
  const there = await lstat(to).catch(ignoreMissing)
  // A name that nobody can have taken beforehand.
  if (there?.isDirectory()) await rename(to, `${to}.aside-${randomBytes(6).toString('hex')}`)
  await rename(from, to)
}

/** A file of the service's user; undefined when there is none, or it is longer. A link, or what is no file, counts as none, too. */
export async function readOfService(path: string, maxBytes: number): Promise<Buffer | undefined> {
  const bytes = await readHead(path, maxBytes + 1)
  return bytes && bytes.length <= maxBytes ? bytes : undefined
}

/** The beginning of a file that others have made; undefined when there is none, or what is there is a link or no file. */
export async function readHead(path: string, bytes: number): Promise<Buffer | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = await open(path, flags).catch((thrown: unknown) => {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ELOOP') return undefined
    return ignoreMissing(thrown)
  })
  if (!file) return undefined
  try {
    if (!(await file.stat()).isFile()) return undefined
    const head = Buffer.alloc(bytes)
    let length = 0
    while (length < bytes) {
      const { bytesRead } = await file.read(head, length, bytes - length)
      if (bytesRead === 0) break
      length += bytesRead
    }
    return head.subarray(0, length)
  } finally {
    await file.close()
  }
}
