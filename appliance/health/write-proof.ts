// Whether a file system still takes writes, asked the only way that every kernel answers: by writing to it.
import { constants, open, unlink } from 'node:fs/promises'
import { constants as system } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ignoreMissing } from '../missing-file.ts'

export type WriteProof =
  | { state: 'writable' }
  /** It has no room for another file. */
  | { state: 'full' }
  /** @property why the system's name of the error */
  | { state: 'refused'; why: string }
  /** Neither done nor refused: storage that is away lets a write hang, for ever if it has to. */
  | { state: 'hanging'; forMs: number }

export interface WriteProofOptions {
  /** How long is waited for an answer, milliseconds. Less than a check has, so that it says what hangs. */
  patienceMs?: number
  files?: Pick<typeof import('node:fs/promises'), 'open' | 'unlink'>
}

/** One name only, so that what a killed service leaves never piles up. One process alone uses the directory. */
export const proofName = '.write-check'
/** More than an inode holds: the file needs a block of its own. */
const proofBytes = 4096
/** A host that takes a snapshot of this machine may hold its disks for some seconds. */
const defaultPatienceMs = 12_000
/** Does not follow links and takes nothing over: what was planted there is refused, not written to. */
const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW

const { ENOSPC, EDQUOT, EROFS, EIO, ETIMEDOUT, ENOLINK, EBADMSG } = system.errno
const noRoom: readonly number[] = [ENOSPC, EDQUOT]
/** What ext4 and the disks below it say. Node has no names for the last two. Source: errno(3), Linux's blk_errors. */
const refusals = new Map([
  [EROFS, 'EROFS'],
  [EIO, 'EIO'],
  [ETIMEDOUT, 'ETIMEDOUT'],
  [ENOLINK, 'ENOLINK'],
  [EBADMSG, 'EBADMSG'],
  [117, 'EUCLEAN'],
  [121, 'EREMOTEIO'],
])

/**
 * Writes, syncs and removes a small file in a directory, each time that it is called. The options of the mount are no proof:
 * ext4 that errors=remount-ro has made read-only may still say "rw" there, as that of Linux 6.18 does.
 * @throws whatever has another cause than the disk
 */
export function writeProof(
  directory: string,
  { patienceMs = defaultPatienceMs, files = { open, unlink } }: WriteProofOptions = {},
): (signal: AbortSignal) => Promise<WriteProof> {
  const path = join(directory, proofName)
  let underWay: { sinceMs: number; done: Promise<WriteProof> } | undefined
  return async signal => {
    // A write that hangs holds a thread of Node's few: never a second one.
    underWay ??= {
      sinceMs: performance.now(),
      done: prove(path, files).finally(() => {
        underWay = undefined
      }),
    }
    const { sinceMs, done } = underWay
    const ended = new AbortController()
    const hanging = async (): Promise<WriteProof> => {
      await delay(patienceMs, undefined, { signal: AbortSignal.any([signal, ended.signal]) })
      return { state: 'hanging', forMs: performance.now() - sinceMs }
    }
    try {
      return await Promise.race([done, hanging()])
    } finally {
      ended.abort()
    }
  }
}

async function prove(path: string, files: Required<WriteProofOptions>['files']): Promise<WriteProof> {
  try {
    // Of a service that was killed in between.
    await files.unlink(path).catch(ignoreMissing)
    const file = await files.open(path, flags, 0o600)
    try {
      try {
        await file.writeFile(Buffer.alloc(proofBytes, 'Hoist '))
        await file.sync()
      } finally {
        await file.close()
      }
    } finally {
      await files.unlink(path)
    }
    return { state: 'writable' }
  } catch (thrown) {
    return proofOf(thrown)
  }
}

function proofOf(thrown: unknown): WriteProof {
  // libuv's numbers are the system's, negative.
  const number = thrown instanceof Error && 'errno' in thrown ? -Number(thrown.errno) : 0
  if (noRoom.includes(number)) return { state: 'full' }
  const why = refusals.get(number)
  if (why === undefined) throw thrown
  return { state: 'refused', why }
}
