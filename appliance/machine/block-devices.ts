// The machine's disks as lsblk and wipefs see them: what is on which, and which of them bears the running system.
import { open } from 'node:fs/promises'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { RunProgram } from './run-program.ts'

export interface BlockDevice {
  path: string
  kind: 'disk' | 'part' | 'rom'
  sizeBytes: number
  readOnly: boolean
  /** Of itself and of everything on it. Swap is one too. */
  mountpoints: string[]
  /** Of a disk: it is divided. */
  divided: boolean
  /** What tells it from another of the same size, where the hypervisor gives it such a thing. */
  serial: string
}

export interface Signature {
  /** `ext4`, `gpt`, `LVM2_member`. */
  type: string
  label?: string
}

const Node = Type.Cyclic(
  {
    Node: Type.Object({
      path: Type.String(),
      type: Type.String(),
      size: Type.Integer(),
      ro: Type.Boolean(),
      mountpoints: Type.Array(Type.Union([Type.String(), Type.Null()])),
      serial: Type.Union([Type.String(), Type.Null()]),
      wwn: Type.Union([Type.String(), Type.Null()]),
      children: Type.Optional(Type.Array(Type.Ref('Node'))),
    }),
  },
  'Node',
)
const Listing = Type.Object({ blockdevices: Type.Array(Node) })
const Signatures = Type.Object({
  signatures: Type.Array(Type.Object({ type: Type.String(), label: Type.Union([Type.String(), Type.Null()]) })),
})
type Node = Static<typeof Node>

const columns = 'PATH,TYPE,SIZE,RO,MOUNTPOINTS,SERIAL,WWN'

/** Disks, their partitions and CD-ROM drives, in the order of their names. @throws {ApplianceError} MACHINE_FAILED */
export async function listBlockDevices(run: RunProgram, signal: AbortSignal): Promise<BlockDevice[]> {
  // Without --tree, and without the column NAME, partitions stand beside their disk, not in it.
  const text = await run('/usr/bin/lsblk', ['--json', '--tree', '--bytes', '--paths', '--output', columns], signal)
  const { blockdevices } = Value.Parse(Listing, JSON.parse(text))
  return blockdevices.flatMap(devicesOf).sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Every signature of a file system, partition table or the like. @throws {ApplianceError} MACHINE_FAILED */
export async function signaturesOn(path: string, run: RunProgram, signal: AbortSignal): Promise<Signature[]> {
  const text = (await run('/usr/sbin/wipefs', ['--no-act', '--json', path], signal)).trim()
  // Older ones say nothing of a device without any.
  if (text === '') return []
  const { signatures } = Value.Parse(Signatures, JSON.parse(text))
  return signatures.map(({ type, label }) => ({ type, ...(label === null ? {} : { label }) }))
}

const mebibyte = 1024 * 1024

/** MiB at either end: a file system whose partition table is lost begins 1 MiB from the start, and fills what follows. */
const endMebibytes = 16
/** Between the ends, a MiB at each of so many places. */
const samples = 64

/** Whether both ends hold nothing but zeros, nor any of the places between them: 96 MiB in all. @throws what a read throws */
export async function isBlank(path: string, sizeBytes: number): Promise<boolean> {
  const device = await open(path, 'r')
  try {
    const piece = Buffer.alloc(mebibyte)
    const zeros = Buffer.alloc(mebibyte)
    for (const offset of placesOf(sizeBytes)) {
      const length = Math.min(mebibyte, sizeBytes - offset)
      const { bytesRead } = await device.read(piece, 0, length, offset)
      if (bytesRead !== length || piece.compare(zeros, 0, length, 0, length) !== 0) return false
    }
    return true
  } finally {
    await device.close()
  }
}

/** Offsets of the MiBs that are looked at, in their order: bytes. */
function placesOf(sizeBytes: number): number[] {
  const last = Math.max(0, sizeBytes - mebibyte)
  const places = new Set<number>()
  for (let at = 0; at < endMebibytes; at++) {
    places.add(Math.min(at * mebibyte, last))
    places.add(Math.max(0, last - at * mebibyte))
  }
  for (let at = 1; at <= samples; at++) places.add(Math.floor((last * at) / (samples + 1) / 4096) * 4096)
  return [...places].sort((a, b) => a - b)
}

/**
 * Where mkfs.ext4 writes nothing: before what it clears for the sake of RAID (128 KiB), after everything of the last group of
 * blocks, unless the end of the disk is hardly longer than that. Where it does write, the stamp is lost, and the disk is merely
 * not taken for a stamped one. Within what has to be blank.
 */
const stampFromEnd = mebibyte / 2

/** Notes on a blank disk, durably, that it is the one of this mark. */
export async function stampDisk(path: string, sizeBytes: number, mark: string): Promise<void> {
  const device = await open(path, 'r+')
  try {
    const stamp = stampOf(mark)
    const { bytesWritten } = await device.write(stamp, 0, stamp.length, sizeBytes - stampFromEnd)
    if (bytesWritten !== stamp.length) throw new Error(`${path} ends before its size`)
    await device.sync()
  } finally {
    await device.close()
  }
}

/** Whether it is the disk that was given this mark. */
export async function isStamped(path: string, sizeBytes: number, mark: string): Promise<boolean> {
  const device = await open(path, 'r')
  try {
    const stamp = stampOf(mark)
    const read = Buffer.alloc(stamp.length)
    await device.read(read, 0, read.length, sizeBytes - stampFromEnd)
    return read.equals(stamp)
  } finally {
    await device.close()
  }
}

function stampOf(mark: string): Buffer {
  return Buffer.from(`Hoist is formatting this disk: ${mark}\n`)
}

function devicesOf(node: Node): BlockDevice[] {
  const below = (node.children ?? []).flatMap(devicesOf)
  const mountpoints = [...mountpointsOf(node)]
  const { path, size: sizeBytes, ro: readOnly } = node
  const kind = node.type
  if (kind !== 'disk' && kind !== 'part' && kind !== 'rom') return below
  const serial = node.wwn ?? node.serial ?? ''
  const divided = (node.children ?? []).length > 0
  return [{ path, kind, sizeBytes, readOnly, mountpoints, divided, serial }, ...below]
}

function* mountpointsOf({ mountpoints, children = [] }: Node): Generator<string> {
  for (const mountpoint of mountpoints) if (mountpoint !== null) yield mountpoint
  for (const child of children) yield* mountpointsOf(child)
}
