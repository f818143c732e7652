// The data disk: found by its label, made out of a blank disk if there is none, made whole, mounted and grown.
import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ApplianceError, toApplianceError } from '../errors.ts'
import {
  type BlockDevice,
  isBlank,
  isStamped,
  listBlockDevices,
  type Signature,
  signaturesOn,
  stampDisk,
} from './block-devices.ts'
import type { MachineFiles } from './machine-files.ts'
import { exitStatusOf, type RunProgram } from './run-program.ts'

export interface DataDiskGround {
  run: RunProgram
  files: MachineFiles
  /** Where it is mounted. */
  mountpoint: string
  /** For the journal. */
  say(text: string): void
  /** For whoever stands before the machine: this may take long. A sentence or two, without secrets. */
  tell(text: string): Promise<void>
  /** Between two looks for a disk that is slow to appear, and how many there are. */
  lookEveryMs?: number
  looks?: number
}

export const dataLabel = 'hoist-data'
/** A floppy drive is a disk too; and what is smaller would not hold the database and its copies. */
const smallestBytes = 1024 ** 3

interface Seen extends BlockDevice {
  signatures: Signature[]
  /** What is on it cannot be told. */
  unreadable: boolean
}

/**
 * Mounts the data disk. A disk that holds anything is never formatted.
 * @throws {ApplianceError} DATA_DISK_UNUSABLE, with what was found on each disk; MACHINE_FAILED
 */
export async function mountDataDisk(ground: DataDiskGround, signal: AbortSignal): Promise<void> {
  const { run, files, mountpoint } = ground
  const disk = (await findDataDisk(ground, signal)) ?? (await makeDataDisk(ground, signal))
  if (!disk.mountpoints.includes(mountpoint)) {
    await makeWhole(disk, ground, signal)
    const options = 'nodev,nosuid,noexec,errors=remount-ro'
    await run('/usr/bin/mount', ['--types', 'ext4', '--options', options, disk.path, mountpoint], signal)
  }
  // From now on no disk is a half-made one: what would be found in the place of this one some day may hold anything.
  await files.remove('formatting')
  await grow(disk, ground, signal)
}

/** While it is in use, which needs no check before. A disk that stays as small as it was is still one to work with. */
async function grow(
  { path, sizeBytes }: BlockDevice,
  { run, say }: DataDiskGround,
  signal: AbortSignal,
): Promise<void> {
  try {
    // It says so when there is nothing to do.
    const told = await run('/usr/sbin/resize2fs', [path], signal)
    if (/ is now /.test(told)) say(`data disk ${path} grown to ${gib(sizeBytes)}`)
  } catch (thrown) {
    signal.throwIfAborted()
    const why = toApplianceError(thrown).message.replace(/\s+/g, ' ')
    say(
      `data disk ${path}: used with the room that it has, as its file system could not be grown to ${gib(sizeBytes)} (${why}). To try again, restart the machine, which also checks the disk.`,
    )
  }
}

/** A labelled one; undefined when there is none, and a blank one may be taken. */
async function findDataDisk(ground: DataDiskGround, signal: AbortSignal): Promise<BlockDevice | undefined> {
  const { run, files, looks = 10, lookEveryMs = 1_000 } = ground
  const known = await files.exists('firstBootDone')
  for (let look = 1; ; look++) {
    await run('/usr/bin/udevadm', ['settle', '--timeout=60'], signal)
    const seen = await lookAtAll(ground, signal)
    const labelled = seen.filter(holdsData)
    const [disk, other] = labelled
    if (other) throw unusable(`More than one disk is labelled ${dataLabel}: ${labelled.map(named).join(', ')}.`, remove)
    if (disk) return disk
    // A machine that has had one waits for it; a new one takes the disk that it was given.
    if (look >= looks || (!known && (await firstBlank(seen, ground)))) return undefined
    await delay(lookEveryMs, undefined, { signal })
  }
}

const remove = 'Shut the machine down, and remove the disk that is not to be used.'

async function makeDataDisk(ground: DataDiskGround, signal: AbortSignal): Promise<BlockDevice> {
  const { run, files, say } = ground
  const seen = await lookAtAll(ground, signal)
  const disk = await firstBlank(seen, ground)
  if (!disk) throw noDisk(seen)
  const doubtful = seen.filter(({ unreadable }) => unreadable)
  if (doubtful.length > 0)
    throw unusable(
      `${named(disk)} is blank, and not taken for the data disk: that may be ${doubtful.map(named).join(' or ')}, which cannot be read.`,
      'Make that disk readable, or remove it from this machine: it is looked for twice a minute.',
    )
  // A power cut while it is formatted would leave a disk that is not blank any more, and no file system either. Path, size and
  // serial number (VMware gives a disk none unless asked) may be those of another that is put in its place, so the disk itself
  // is marked, too: on the system disk first, as a mark on the disk alone would be a dead end. One that is there already stays,
  // or a second power cut would leave two different ones.
  const former = await markOf(disk, files)
  const mark = former ?? `${disk.serial} ${randomUUID()}`
  await files.write('formatting', mark)
  await stampDisk(disk.path, disk.sizeBytes, mark)
  // udev looks at a disk that was written to, and mkfs.ext4 takes none that is in use.
  await run('/usr/bin/udevadm', ['settle', '--timeout=60'], signal)
  say(`data disk: formatting ${named(disk)}, which ${former === undefined ? 'is blank' : 'was left half formatted'}`)
  // A discard of the whole disk would take its mark, too.
  await run('/usr/sbin/mkfs.ext4', ['-q', '-F', '-m', '1', '-E', 'nodiscard', '-L', dataLabel, disk.path], signal)
  await run('/usr/bin/udevadm', ['settle', '--timeout=60'], signal)
  await run('/usr/bin/sync', [], signal)
  return disk
}

async function lookAtAll({ run, say }: DataDiskGround, signal: AbortSignal): Promise<Seen[]> {
  const devices = (await listBlockDevices(run, signal)).filter(
    ({ kind, sizeBytes }) => kind !== 'rom' && sizeBytes >= smallestBytes,
  )
  const seen: Seen[] = []
  for (const device of devices) {
    try {
      seen.push({ ...device, signatures: await signaturesOn(device.path, run, signal), unreadable: false })
    } catch (thrown) {
      signal.throwIfAborted()
      // A broken disk keeps nobody from the one that is whole.
      say(`${named(device)} cannot be read: ${toApplianceError(thrown).message}`)
      seen.push({ ...device, signatures: [], unreadable: true })
    }
  }
  return seen
}

function holdsData({ signatures }: Seen): boolean {
  return signatures.length === 1 && signatures.some(({ type, label }) => type === 'ext4' && label === dataLabel)
}

/** The first disk that may be formatted: a blank one, or the one that we were formatting when we were interrupted. */
async function firstBlank(seen: readonly Seen[], { files, say }: DataDiskGround): Promise<Seen | undefined> {
  for (const disk of seen) {
    const empty = disk.kind === 'disk' && disk.signatures.length === 0 && !disk.divided
    if (!empty || disk.unreadable || disk.readOnly || disk.mountpoints.length > 0) continue
    try {
      if ((await isBlank(disk.path, disk.sizeBytes)) || (await markOf(disk, files)) !== undefined) return disk
    } catch (thrown) {
      disk.unreadable = true
      say(`${named(disk)} cannot be read: ${toApplianceError(thrown).message}`)
    }
  }
  return undefined
}

/** What was noted, here and on this very disk, when it was about to be formatted. */
async function markOf({ path, sizeBytes, serial }: Seen, files: MachineFiles): Promise<string | undefined> {
  const mark = await files.read('formatting')
  if (!mark?.startsWith(`${serial} `)) return undefined
  return (await isStamped(path, sizeBytes, mark)) ? mark : undefined
}

/** What a power cut has left is put right; what e2fsck asks about is answered with yes: the store is checked at each start. */
async function makeWhole(disk: BlockDevice, { run, say, tell }: DataDiskGround, signal: AbortSignal): Promise<void> {
  const { path } = disk
  await tell(`The data disk ${named(disk)} is being checked.`)
  try {
    // It writes as many messages as there are errors, and must not be ended in the middle of a repair.
    await run('/usr/sbin/e2fsck', ['-p', path], signal, { unread: true })
  } catch (thrown) {
    const status = exitStatusOf(thrown)
    if (status === 1) return say(`data disk ${path}: errors of its file system were corrected`)
    if (status !== 4) throw thrown
    await tell(
      `The data disk ${named(disk)} is damaged, and is being repaired: this can take half an hour. Do not switch the machine off.`,
    )
    await run('/usr/sbin/e2fsck', ['-y', path], signal, { unread: true }).catch((repaired: unknown) => {
      if (exitStatusOf(repaired) !== 1) throw repaired
    })
  }
}

function noDisk(seen: readonly Seen[]): ApplianceError {
  const disks = seen.filter(({ kind }) => kind === 'disk')
  const found = disks.map(disk => `${named(disk)} ${contentOf(disk)}`).join('; ')
  return unusable(
    `There is no data disk. Disks of this machine: ${found || 'none'}.`,
    'Add an empty disk of 64 GiB, or the data disk of the former machine: it is looked for twice a minute. A disk that holds anything is never formatted.',
  )
}

function contentOf({ signatures, mountpoints, readOnly, divided, unreadable }: Seen): string {
  if (mountpoints.includes('/')) return 'is the system disk'
  if (mountpoints.length > 0) return 'is in use'
  const words = signatures.map(({ type, label }) => (label === undefined ? type : `${type} "${label}"`))
  if (words.length > 0) return `holds ${[...new Set(words)].join(', ')}`
  if (divided) return 'has partitions'
  if (unreadable) return 'cannot be read'
  return readOnly ? 'is read-only' : 'is not empty'
}

function named({ path, sizeBytes }: BlockDevice): string {
  return `${path} (${gib(sizeBytes)})`
}

function gib(bytes: number): string {
  return `${Number((bytes / 1024 ** 3).toFixed(1))} GiB`
}

function unusable(message: string, hint: string): ApplianceError {
  return new ApplianceError('DATA_DISK_UNUSABLE', message, { hint })
}
