// Bytes of an import: an object out of S3, decoded by qemu-img (never by the appliance's reader) into a snapshot.
import { execFile } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { Lab } from './config.ts'
import { type ImportDisk, ImportFailure, type ImportTask } from './import-task.ts'
import { gibibyte, SnapshotContent } from './snapshot-content.ts'

const runFile = promisify(execFile)
const qemuFormats: Record<string, string> = { vmdk: 'vmdk', raw: 'raw', vhd: 'vpc', vhdx: 'vhdx' }
/** ImportSnapshot takes disks below 16 TiB. */
const maximumBytes = 16 * 1024 * gibibyte

export type FetchedDisk = { path: string; qemuFormat: string; virtualBytes: number }

/** Streams the object into the state directory and asks qemu-img what it is. */
export async function fetchDisk(
  lab: Lab,
  task: ImportTask,
  disk: ImportDisk,
  signal: AbortSignal,
): Promise<FetchedDisk> {
  const path = join(lab.snapshots.directory, `${task.id}-${task.disks.indexOf(disk)}.object`)
  await download(lab, disk, path, signal)
  const qemuFormat = qemuFormats[disk.format.toLowerCase()]
  if (qemuFormat === undefined)
    throw new ImportFailure(`ClientError: Disk validation failed [Unsupported format ${disk.format}]`)
  const virtualBytes = await inspect(lab, path, qemuFormat, signal)
  if (virtualBytes >= maximumBytes)
    throw new ImportFailure('ClientError: Disk validation failed [The disk is too large]')
  disk.imageBytes = (await stat(path)).size
  return { path, qemuFormat, virtualBytes }
}

/** Decodes a fetched disk; the snapshot is completed when this returns. */
export async function decodeDisk(
  lab: Lab,
  task: ImportTask,
  disk: ImportDisk,
  fetched: FetchedDisk,
  signal: AbortSignal,
): Promise<void> {
  const raw = `${fetched.path}.raw`
  try {
    await runFile(lab.qemuImg, ['convert', '-f', fetched.qemuFormat, '-O', 'raw', fetched.path, raw], { signal })
    const volumeSizeGiB = Math.max(1, Math.ceil(fetched.virtualBytes / gibibyte))
    const snapshot = await lab.snapshots.add({
      volumeSizeGiB,
      content: async path => {
        await rename(raw, path)
        return SnapshotContent.fromRaw(path, volumeSizeGiB, lab.qemuImg)
      },
      description: `Created by AWS-VMImport service for ${task.id}`,
      encrypted: task.encrypted,
      kmsKeyArn: task.kmsKeyArn,
      state: 'completed',
    })
    disk.snapshotId = snapshot.id
  } catch (error) {
    signal.throwIfAborted()
    throw new ImportFailure(`ClientError: Disk validation failed [${reason(error)}]`, { cause: error })
  } finally {
    await rm(raw, { force: true })
    await rm(fetched.path, { force: true })
  }
}

async function download(lab: Lab, disk: ImportDisk, path: string, signal: AbortSignal): Promise<void> {
  const { bucket = '', key = '' } = disk
  const owner = lab.bucketOwners.get(bucket)
  if (owner !== undefined && owner !== lab.accountId) throw new ImportFailure(noAccess('403 Forbidden'))
  const { endpoint, accessKeyId, secretAccessKey, region = lab.region } = lab.config.s3
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } })
  try {
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }), { abortSignal: signal })
    await pipeline(Body as Readable, createWriteStream(path), { signal })
  } catch (error) {
    await rm(path, { force: true })
    signal.throwIfAborted()
    const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode
    if (status === 404) throw new ImportFailure(noAccess('404 Not Found'))
    if (status === 403) throw new ImportFailure(noAccess('403 Forbidden'))
    throw error
  } finally {
    client.destroy()
  }
}

function noAccess(status: string): string {
  return `ClientError: Disk validation failed [We do not have access to the given resource. Reason ${status}]`
}

async function inspect(lab: Lab, path: string, format: string, signal: AbortSignal): Promise<number> {
  try {
    const { stdout } = await runFile(lab.qemuImg, ['info', '--output=json', '-f', format, path], { signal })
    const info = JSON.parse(stdout) as {
      'virtual-size': number
      'format-specific'?: { data?: { 'create-type'?: string } }
    }
    const createType = info['format-specific']?.data?.['create-type']
    if (format === 'vmdk' && createType !== 'streamOptimized')
      throw new Error(`Unsupported VMDK File Format (${createType})`)
    return info['virtual-size']
  } catch (error) {
    await rm(path, { force: true })
    signal.throwIfAborted()
    throw new ImportFailure(`ClientError: Disk validation failed [${reason(error)}]`, { cause: error })
  }
}

/** qemu-img's last words, without the lab's paths. */
function reason(error: unknown): string {
  const text = (error as { stderr?: string }).stderr || (error as Error).message
  const last = text.trim().split('\n').at(-1) ?? ''
  return last.replace(/^qemu-img: /, '').replace(/'?\/[^\s:']*'?/g, 'the disk image')
}
