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
  const text = await run('/usr/bin/lsblk', ['--json', '--bytes', '--paths', '--output', columns], signal)
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

/** Whether the first and the last MiB hold nothing but zeros. */
export async function hasBlankEnds(path: string, sizeBytes: number): Promise<boolean> {
  const device = await open(path, 'r')
  try {
    const piece = Buffer.alloc(mebibyte)
    const zeros = Buffer.alloc(mebibyte)
    for (const offset of [0, Math.max(0, sizeBytes - mebibyte)]) {
      const { bytesRead } = await device.read(piece, 0, Math.min(mebibyte, sizeBytes), offset)
      if (bytesRead !== Math.min(mebibyte, sizeBytes)) return false
      if (piece.compare(zeros, 0, bytesRead, 0, bytesRead) !== 0) return false
    }
    return true
  } finally {
    await device.close()
  }
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
