// Files that anybody on the machine may read, written so that a power cut leaves the old or the new one, whole.
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, rename, rm, symlink } from 'node:fs/promises'
import { syncDirectory } from './private-file.ts'

/** Writes a file over an older one if there is one. `mode` holds whatever the process's umask is. */
export async function replaceFile(path: string, content: string | Uint8Array, mode: number): Promise<void> {
  await putInPlace(path, async temporary => {
    const file = await open(temporary, 'wx', 0o600)
    await closing(file, async () => {
      await file.writeFile(content)
      await file.chmod(mode)
      await file.sync()
    })
  })
}

/** Points a symbolic link somewhere else in one step: whoever follows it meanwhile finds the old or the new place. */
export async function replaceLink(path: string, target: string): Promise<void> {
  await putInPlace(path, temporary => symlink(target, temporary))
}

async function putInPlace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.new`
  try {
    await make(temporary)
    await rename(temporary, path)
  } catch (thrown) {
    await rm(temporary, { force: true })
    throw thrown
  }
  await syncDirectory(path)
}

async function closing(file: FileHandle, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } finally {
    await file.close()
  }
}
