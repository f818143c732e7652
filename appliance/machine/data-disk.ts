// The data disk: found by its label, made out of a blank disk if there is none, made whole, mounted and grown.
import { setTimeout as delay } from 'node:timers/promises'
import { ApplianceError } from '../errors.ts'
import { type BlockDevice, hasBlankEnds, listBlockDevices, type Signature, signaturesOn } from './block-devices.ts'
import type { MachineFiles } from './machine-files.ts'
import { exitStatusOf, type RunProgram } from './run-program.ts'

export interface DataDiskGround {
  run: RunProgram
  files: MachineFiles
  /** Where it is mounted. */
  mountpoint: string
  /** For the journal. */
  say(text: string): void
  /** Between two looks for a disk that is slow to appear, and how many there are. */
  lookEveryMs?: number
  looks?: number
}

export const dataLabel = 'hoist-data'
/** A floppy drive is a disk too; and what is smaller would not hold the database and its copies. */
const smallestBytes = 1024 ** 3

interface Seen extends BlockDevice {
  signatures: Signature[]
}

/**
 * Mounts the data disk. A disk that holds anything is never formatted.
 * @throws {ApplianceError} DATA_DISK_UNUSABLE, with what was found on each disk; MACHINE_FAILED
 */
export async function mountDataDisk(ground: DataDiskGround, signal: AbortSignal): Promise<void> {
  const { run, mountpoint, say } = ground
  const disk = (await findDataDisk(ground, signal)) ?? (await makeDataDisk(ground, signal))
  if (!disk.mountpoints.includes(mountpoint)) {
    await makeWhole(disk.path, ground, signal)
    const options = 'nodev,nosuid,noexec,errors=remount-ro'
    await run('/usr/bin/mount', ['--types', 'ext4', '--options', options, disk.path, mountpoint], signal)
  }
  // Under way while it is in use, which needs no check before; it says so when there is nothing to do.
  const told = await run('/usr/sbin/resize2fs', [disk.path], signal)
  if (/ is now /.test(told)) say(`data disk ${disk.path} grown to ${gib(disk.sizeBytes)}`)
}

/** A labelled one; undefined when there is none, and a blank one may be taken. */
async function findDataDisk(ground: DataDiskGround, signal: AbortSignal): Promise<BlockDevice | undefined> {
  const { run, files, looks = 10, lookEveryMs = 1_000 } = ground
  const known = await files.exists('firstBootDone')
  for (let look = 1; ; look++) {
    await run('/usr/bin/udevadm', ['settle', '--timeout=60'], signal)
    const seen = await lookAtAll(run, signal)
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
  const seen = await lookAtAll(run, signal)
  const disk = await firstBlank(seen, ground)
  if (!disk) throw noDisk(seen)
  // A power cut while it is formatted would leave a disk that is not blank any more, and no file system either.
  await files.write('formatting', identityOf(disk))
  say(`data disk: formatting ${named(disk)}, which is blank`)
  await run('/usr/sbin/mkfs.ext4', ['-q', '-F', '-m', '1', '-L', dataLabel, disk.path], signal)
  await run('/usr/bin/udevadm', ['settle', '--timeout=60'], signal)
  await run('/usr/bin/sync', [], signal)
  await files.remove('formatting')
  return disk
}

async function lookAtAll(run: RunProgram, signal: AbortSignal): Promise<Seen[]> {
  const devices = (await listBlockDevices(run, signal)).filter(
    ({ kind, sizeBytes }) => kind !== 'rom' && sizeBytes >= smallestBytes,
  )
  const seen: Seen[] = []
  for (const device of devices) seen.push({ ...device, signatures: await signaturesOn(device.path, run, signal) })
  return seen
}

function holdsData({ signatures }: Seen): boolean {
  return signatures.length === 1 && signatures.some(({ type, label }) => type === 'ext4' && label === dataLabel)
}

async function firstBlank(seen: readonly Seen[], { files }: DataDiskGround): Promise<Seen | undefined> {
  const interrupted = await files.read('formatting')
  for (const disk of seen) {
    const empty = disk.kind === 'disk' && disk.signatures.length === 0 && !disk.divided
    if (!empty || disk.readOnly || disk.mountpoints.length > 0) continue
    if (interrupted === identityOf(disk) || (await hasBlankEnds(disk.path, disk.sizeBytes))) return disk
  }
  return undefined
}

function identityOf({ path, sizeBytes, serial }: BlockDevice): string {
  return `${path} ${sizeBytes} ${serial}\n`
}

/** What a power cut has left is put right; what e2fsck asks about is answered with yes: the store is checked at each start. */
async function makeWhole(path: string, { run, say }: DataDiskGround, signal: AbortSignal): Promise<void> {
  try {
    await run('/usr/sbin/e2fsck', ['-p', path], signal)
  } catch (thrown) {
    const status = exitStatusOf(thrown)
    if (status === 1) return say(`data disk ${path}: errors of its file system were corrected`)
    if (status !== 4) throw thrown
    say(`data disk ${path}: its file system is damaged, and is being repaired`)
    await run('/usr/sbin/e2fsck', ['-y', path], signal).catch((repaired: unknown) => {
      if (exitStatusOf(repaired) !== 1) throw repaired
    })
  }
}

function noDisk(seen: readonly Seen[]): ApplianceError {
  const disks = seen.filter(({ kind }) => kind === 'disk')
  const found = disks.map(disk => `${named(disk)} ${contentOf(disk)}`).join('; ')
  return unusable(
    `There is no data disk. Disks of this machine: ${found || 'none'}.`,
    'Add an empty disk of 64 GiB, or the data disk of the former machine, and start again. A disk that holds anything is never formatted.',
  )
}

function contentOf({ signatures, mountpoints, readOnly, divided }: Seen): string {
  if (mountpoints.includes('/')) return 'is the system disk'
  if (mountpoints.length > 0) return 'is in use'
  const words = signatures.map(({ type, label }) => (label === undefined ? type : `${type} "${label}"`))
  if (words.length > 0) return `holds ${[...new Set(words)].join(', ')}`
  if (divided) return 'has partitions'
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
