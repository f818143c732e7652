// The proof: what vCenter held against what AWS holds, hashed by programs that are not the appliance's.
import { join } from 'node:path'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { Lab } from '../lab/lab.ts'
import { run as runProgram, tools } from '../lab/tools.ts'

/** One disk in the table of the demo. */
export interface DiskProof {
  disk: string
  sizeBytes: number
  readBytes: number
  uploadedBytes: number
  objectGone: boolean
  snapshotId: string
  imageId: string
  sourceSha256: string
  snapshotSha256: string
  equal: boolean
  seconds: number
}

export interface ServerProof {
  server: string
  imageMethod: string
  state: string
  failure?: { code: string; message: string }
  disks: DiskProof[]
}

interface ReadBack {
  snapshotId: string
  sha256: string
  zeroBeyondEnd: boolean
}

/** Reads snapshots back by boto3; with `file`, also into raw files. */
export async function readBack(
  lab: Lab,
  snapshots: { snapshotId: string; sizeBytes: number; file?: string }[],
): Promise<ReadBack[]> {
  const { endpoint, region, admin } = lab.aws
  const request = JSON.stringify({ endpoint, region, ...admin, snapshots })
  const text = await runProgram(tools.python, [join(import.meta.dirname, 'read-back.py')], { input: request })
  return text
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
}

/** Compares each disk of a run: `sha256sum` of the frozen bytes in the lab's file against the snapshot read back. */
export async function proveRun(lab: Lab, run: RunView, imageMethod: string): Promise<ServerProof> {
  const proof: ServerProof = { server: run.serverName, imageMethod, state: run.state, disks: [] }
  if (run.failure) proof.failure = { code: run.failure.code, message: run.failure.message }
  for (const disk of run.disks) {
    const path = `/vms/${encodeURIComponent(run.serverName)}/disks/${disk.key}/frozen`
    const { file } = await lab.vcenterControl<{ file: string }>('GET', path)
    const sourceSha256 = (await runProgram('sha256sum', [file])).split(' ')[0] ?? ''
    const snapshotId = disk.snapshotId ?? ''
    const [back] = snapshotId ? await readBack(lab, [{ snapshotId, sizeBytes: disk.sizeBytes }]) : []
    proof.disks.push({
      disk: disk.label,
      sizeBytes: disk.sizeBytes,
      readBytes: disk.readBytes,
      uploadedBytes: disk.uploadedBytes,
      objectGone: disk.objectDeleted,
      snapshotId,
      imageId: run.imageId ?? '',
      sourceSha256,
      snapshotSha256: back?.sha256 ?? '',
      equal: back !== undefined && back.sha256 === sourceSha256 && back.zeroBeyondEnd,
      seconds: (disk.transferMs ?? 0) / 1000,
    })
  }
  return proof
}

/** What must not be there after the runs, as vCenter and S3 tell it themselves. */
export async function findLeftovers(lab: Lab): Promise<string[]> {
  const left: string[] = []
  const vms = await lab.vcenterControl<{ name: string; snapshots: unknown[] }[]>('GET', '/vms')
  for (const vm of vms) if (vm.snapshots.length > 0) left.push(`snapshot of ${vm.name} in vCenter`)
  const { endpoint, region, admin } = lab.aws
  const request = JSON.stringify({ endpoint, region, ...admin })
  const objects = await runProgram(tools.python, [join(import.meta.dirname, 'list-leftovers.py')], { input: request })
  return [...left, ...objects.split('\n').filter(line => line !== '')]
}
