// For tests of imports: a disk's bytes as a streamOptimized VMDK (qemu-img's) in the connector's bucket.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import type { AwsClients } from '../../appliance/aws/clients.ts'
import { awaitSnapshotImport, startSnapshotImport } from '../../appliance/aws/snapshot-import.ts'

export interface UploadedDisk {
  bucket: string
  key: string
  sizeBytes: number
  sha256: string
}

/** 8 MiB with some bytes that `seed` decides, and an MBR with one partition that bears ext4's magic: a guest to VM Import. */
export async function uploadDisk(
  clients: AwsClients,
  bucket: string,
  key: string,
  seed: number,
): Promise<UploadedDisk> {
  const raw = Buffer.alloc(8 * 1024 * 1024)
  for (let i = 0; i < 4096; i++) raw.writeUInt32LE((seed * 2654435761 + i * 40503) % 4294967296, 1024 * 1024 + i * 64)
  raw.set([0x80, 0, 2, 0, 0x83, 0, 0, 0], 446)
  raw.writeUInt32LE(2048, 454)
  raw.writeUInt32LE(raw.length / 512 - 2048, 458)
  raw.set([0x55, 0xaa], 510)
  raw.set([0x53, 0xef], 2048 * 512 + 1080)
  const directory = await mkdtemp(join(tmpdir(), 'hoist-'))
  try {
    const [rawFile, vmdkFile] = [join(directory, 'disk.img'), join(directory, 'disk.vmdk')]
    await writeFile(rawFile, raw)
    await promisify(execFile)('qemu-img', [
      ...['convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', rawFile, vmdkFile],
    ])
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: await readFile(vmdkFile) }))
  } finally {
    await rm(directory, { recursive: true })
  }
  return { bucket, key, sizeBytes: raw.length, sha256: createHash('sha256').update(raw).digest('hex') }
}

/** A disk all the way to a tagged, completed EBS snapshot. */
export async function importDisk(input: {
  clients: AwsClients
  bucket: string
  key: string
  seed: number
  tags: Record<string, string>
}): Promise<{ snapshotId: string; sizeBytes: number; sha256: string }> {
  const { clients, bucket, key, seed, tags } = input
  const disk = await uploadDisk(clients, bucket, key, seed)
  const { taskId } = await startSnapshotImport({
    clients,
    bucket,
    key,
    description: key,
    roleName: 'vmimport',
    clientToken: `${bucket.slice(-16)}-${key}`,
    encrypted: false,
    tags,
    pollMs: 20,
  })
  const { snapshotId } = await awaitSnapshotImport({ clients, taskId, what: key, tags, pollMs: 20 })
  return { snapshotId, sizeBytes: disk.sizeBytes, sha256: disk.sha256 }
}
