// One disk on its way: the bytes go from the host to S3 untouched; a worker decodes the same memory into the manifest.
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createPartUpload, type PartUpload, partSizeFor } from '../aws/s3-upload.ts'
import { ownershipTags } from '../aws/tags.ts'
import { paced } from '../disk/throttle.ts'
import type { VmdkDigest, VmdkDigestResult } from '../disk/vmdk-digest.ts'
import type { RunDisk, Server } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { ExportedDisk } from '../vsphere/transport-nfc.ts'
import type { RunContext } from './context.ts'

/** What the decoding worker is handed at a time. */
const pieceBytes = 1024 * 1024

/** A disk between the lease and its object. End it by `complete` or `suspend`. */
export interface Transfer {
  disk: RunDisk
  /** The name under which the host's manifest lists the file. */
  deviceUrlKey: string
  /** What was received; set when `stream` has resolved. */
  received?: VmdkDigestResult
  /** Moves all bytes to S3 and proves that they are one whole, undamaged stream of a disk of the right size. */
  stream(): Promise<void>
  /** Joins the parts to the object. Call it once everything else about the stream has been checked. */
  complete(): Promise<void>
  /** Stops. What S3 has of the disk stays, for a run that goes on or for its cleaning. */
  suspend(): Promise<void>
}

/** Key of a disk's object: under the run, so that recovery and lifecycle find it. */
export function objectKey(runId: string, diskKey: number): string {
  return `runs/${runId}/disk-${diskKey}.vmdk`
}

/** Where a disk's manifest stands, below the manifest directory. */
export function manifestName({ jobId, runId }: { jobId: string; runId: string }, diskKey: number): string {
  return join(jobId, runId, `disk-${diskKey}.manifest`)
}

/** Removes what a run has noted of its disks' blocks; nothing there is fine. */
export async function removeManifests(directory: string, run: { jobId: string; runId: string }): Promise<void> {
  await rm(dirname(join(directory, manifestName(run, 0))), { recursive: true, force: true })
}

/** Begins the upload of one disk. */
export async function startTransfer(
  server: Server,
  device: ExportedDisk,
  context: RunContext,
  signal: AbortSignal,
): Promise<Transfer> {
  const { journal, ownership, manifestDirectory } = context
  const disk = journal.run.disks.find(({ key }) => key === device.diskKey)
  if (!disk) {
    throw new ApplianceError(
      'DISKS_CHANGED',
      `The export of ${server.name} offers a disk ${device.diskKey} that is new`,
      {
        hint: 'Start the run again once nobody changes the hardware of the server.',
      },
    )
  }
  const startedAtMs = performance.now()
  const key = objectKey(ownership.runId, disk.key)
  const manifestPath = manifestName(ownership, disk.key)
  await mkdir(dirname(join(manifestDirectory, manifestPath)), { recursive: true, mode: 0o700 })
  const begunBefore = journal.phase('upload', disk.key) !== undefined
  await journal.diskStep(disk.key, 'upload', 'intended', { bucket: context.bucket, objectKey: key })
  const digest = context.digests.startVmdkDigest({
    diskLabel: `${disk.label} of ${server.name}`,
    sizeBytesExpected: disk.sizeBytes,
    manifestPath: join(manifestDirectory, manifestPath),
  })
  const resume = begunBefore ? { uploadId: disk.uploadId } : undefined
  const upload = await openUpload(disk, key, resume, digest, context, signal).catch(async error => {
    await digest.close()
    throw error
  })

  const transfer: Transfer = {
    disk,
    deviceUrlKey: device.deviceUrlKey,
    async stream() {
      const stream = await device.open(signal)
      for await (const chunk of paced(stream, context.throttle, signal)) await upload.write(chunk)
      await upload.end()
      transfer.received = await digest.finish()
      journal.progressDisk(disk.key, { readBytes: disk.sizeBytes, uploadedBytes: upload.uploadedBytes })
    },
    async complete() {
      await upload.complete()
      const transferMs = Math.round(performance.now() - startedAtMs)
      const { uploadedBytes } = upload
      await journal.diskStep(disk.key, 'upload', 'proven', { transferMs, manifestPath, uploadedBytes })
    },
    async suspend() {
      await Promise.all([upload.suspend(), digest.close()])
    },
  }
  return transfer
}

function openUpload(
  disk: RunDisk,
  key: string,
  /** Of an earlier life of the run; without id, its answer was lost. */
  resume: { uploadId: string | undefined } | undefined,
  digest: VmdkDigest,
  { aws, bucket, accountId, buffers, ownership, job, journal }: RunContext,
  signal: AbortSignal,
): Promise<PartUpload> {
  return createPartUpload({
    clients: aws,
    bucket,
    key,
    accountId,
    partBytes: partSizeFor(disk.sizeBytes),
    buffers,
    tags: ownershipTags(ownership, job.settings.tags),
    signal,
    ...(resume ? { resume } : {}),
    onUploadId: uploadId => journal.diskStep(disk.key, 'upload', 'effected', { uploadId }),
    async onPart(part) {
      // All at once, so that parts cannot mix; in pieces, so that a worker serves its other disks in between.
      const pushed: (Promise<void> | undefined)[] = []
      for (let offset = 0; offset < part.length; offset += pieceBytes) {
        pushed.push(digest.push(part.subarray(offset, offset + pieceBytes)))
      }
      await Promise.all(pushed)
      await digest.consumed()
      journal.progressDisk(disk.key, { readBytes: digest.positionBytes })
    },
    onProgress: uploadedBytes => journal.progressDisk(disk.key, { uploadedBytes }),
  })
}
