// Files that only this process may read (keys): made whole or not at all, refused when others could have read them.
import { randomBytes } from 'node:crypto'
import { constants, type FileHandle, link, mkdir, open, rename, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ApplianceError } from './errors.ts'

/** Keys and certificates are far smaller; whatever is larger is not what we wrote. */
const maxBytes = 64 * 1024

/** Makes a directory, with its parents, that only this user enters. An existing one is left as it is. */
export async function makePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 })
}

/**
 * Reads a private file; undefined when there is none.
 * @throws {ApplianceError} PRIVATE_FILE_UNSAFE when it is a link, belongs to someone else, or is open to group or others
 */
export async function readPrivateFile(path: string): Promise<Buffer | undefined> {
  let handle: FileHandle
  try {
    // O_NOFOLLOW: a link planted in the data directory must not make us read, and trust, a file elsewhere. O_NONBLOCK: nor a
    // named pipe make us wait for somebody who writes.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw unsafe(path, systemCode(cause) === 'ELOOP' ? 'it is a symbolic link' : 'it cannot be opened', cause)
  }
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw unsafe(path, 'it is not a regular file')
    if ((stats.mode & 0o077) !== 0) throw unsafe(path, `its mode is 0${(stats.mode & 0o777).toString(8)}, not 0600`)
    if (stats.uid !== process.getuid?.()) throw unsafe(path, `it belongs to user ${stats.uid}`)
    if (stats.size > maxBytes) throw unsafe(path, `it has ${stats.size} bytes`)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}

/**
 * Makes a private file that did not exist, and returns what then stands at the path: when another process was first, its bytes.
 * A crash leaves either no file or the whole one.
 * @throws {ApplianceError} PRIVATE_FILE_UNSAFE
 */
export async function createPrivateFile(path: string, content: Uint8Array): Promise<Buffer> {
  const temporary = await writeBeside(path, content)
  try {
    // link() refuses an existing name, as O_EXCL does, but only ever shows the complete file.
    await link(temporary, path)
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST') throw cause
  } finally {
    await unlink(temporary)
  }
  await syncDirectory(path)
  const stored = await readPrivateFile(path)
  if (!stored) throw unsafe(path, 'it vanished while it was made')
  return stored
}

/** Writes a private file, over an older one if there is one. A crash leaves the old or the new file, whole. */
export async function replacePrivateFile(path: string, content: Uint8Array): Promise<void> {
  await rename(await writeBeside(path, content), path)
  await syncDirectory(path)
}

/** Shorter ones could be guessed; an emptied file would be one. */
const tokenMinLength = 32

/**
 * The API's token, made at the first start and kept: whoever may read the file may use the API.
 * @throws {ApplianceError} PRIVATE_FILE_UNSAFE
 */
export async function ensureToken(path: string): Promise<string> {
  const content =
    (await readPrivateFile(path)) ?? (await createPrivateFile(path, Buffer.from(randomBytes(32).toString('base64url'))))
  const token = content.toString('utf8').trim()
  if (token.length >= tokenMinLength) return token
  throw new ApplianceError('PRIVATE_FILE_UNSAFE', `The file ${path} holds no token of ${tokenMinLength} characters`, {
    hint: 'Move it away and start again: a new one is made.',
  })
}

async function writeBeside(path: string, content: Uint8Array): Promise<string> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } catch (cause) {
    // A full disk must not be filled further with halves.
    await unlink(temporary)
    throw cause
  } finally {
    await handle.close()
  }
  return temporary
}

/** Gives a file that others have written to the end mode 0600, and has its bytes on the disk. */
export async function makeDurable(path: string): Promise<void> {
  const file = await open(path, 'r+')
  try {
    await file.chmod(0o600)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes the names beside a path durable: a new name is so only once its directory is. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function systemCode(thrown: unknown): unknown {
  return thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
}

function unsafe(path: string, why: string, cause?: unknown): ApplianceError {
  return new ApplianceError('PRIVATE_FILE_UNSAFE', `The file ${path} is not used: ${why}.`, {
    cause,
    hint: `Make sure that nobody else has read it, then: chown it to the user that runs the appliance, chmod 600 "${path}".`,
  })
}
