// ImportImage's work: copies of the disks, changed as a conversion changes a guest, and an image of them.
import type { Lab } from './config.ts'
import { type Guest, probeGuest } from './guest-probe.ts'
import { decodeDisk, type FetchedDisk, fetchDisk } from './import-disk.ts'
import { checkKey } from './import-role.ts'
import { type ImportDisk, ImportFailure, type ImportTask, runStages } from './import-task.ts'
import { blockBytes, SnapshotContent } from './snapshot-content.ts'
import type { Snapshot } from './snapshot-store.ts'

/** Where the marker goes: the last sector before the first megabyte, which partitions leave free. */
export const markerOffset = 2047 * 512

/** What the lab writes into a converted disk, so that a test sees that the bytes are no longer the source's. */
export function conversionMarker(taskId: string): string {
  return `converted by VM Import ${taskId}`
}

export function convertImage(
  lab: Lab,
  task: ImportTask,
  roleName: string,
  nextFailure: () => string | undefined,
  undo: () => Promise<void>,
): Promise<void> {
  const fetched = new Map<ImportDisk, FetchedDisk>()
  let guest: Guest = 'unknown'
  return runStages(
    task,
    [
      { message: 'pending', progress: '1' },
      {
        message: 'validating',
        progress: '7',
        work: async signal => {
          checkKey(lab, roleName, task.kmsKeyArn)
          for (const disk of task.disks) {
            if (disk.bucket !== undefined) fetched.set(disk, await fetchDisk(lab, task, disk, signal))
          }
        },
      },
      { message: 'validated', progress: '19' },
      {
        message: 'converting',
        progress: '27',
        work: async signal => {
          for (const disk of task.disks) {
            const object = fetched.get(disk)
            if (object !== undefined) await decodeDisk(lab, task, disk, object, signal)
            else await copyDisk(lab, task, disk)
          }
        },
      },
      { message: 'updating', progress: '30' },
      {
        message: 'preparing to boot',
        progress: '59',
        work: async () => {
          guest = await inspectRoot(lab, task)
          for (const disk of task.disks) await mark(snapshotOf(lab, disk), task.id)
        },
      },
      { message: 'preparing ami', progress: '93', work: async () => register(lab, task, guest) },
    ],
    () => lab.timing.stepMs,
    nextFailure,
    undo,
  )
}

async function copyDisk(lab: Lab, task: ImportTask, disk: ImportDisk): Promise<void> {
  const source = lab.snapshots.find(disk.sourceSnapshotId ?? '')
  if (source === undefined) throw new ImportFailure(`ClientError: The snapshot ${disk.sourceSnapshotId} does not exist`)
  const encrypted = task.encrypted || source.encrypted
  const copy = await lab.snapshots.add({
    volumeSizeGiB: source.volumeSizeGiB,
    content: path => SnapshotContent.create(path, source.volumeSizeGiB, source.content),
    description: `Created by AWS-VMImport service for ${task.id}`,
    encrypted,
    kmsKeyArn: task.kmsKeyArn ?? source.kmsKeyArn,
    state: 'completed',
  })
  disk.snapshotId = copy.id
}

function snapshotOf(lab: Lab, disk: ImportDisk): Snapshot {
  const snapshot = lab.snapshots.find(disk.snapshotId ?? '')
  if (snapshot === undefined) throw new Error(`lab: the copy ${disk.snapshotId} is gone`)
  return snapshot
}

/** The first disk is the root: VM Import refuses one without a system that it knows. */
async function inspectRoot(lab: Lab, task: ImportTask): Promise<Guest> {
  const [root] = task.disks
  const guest = root === undefined ? 'unknown' : await probeGuest(snapshotOf(lab, root).content)
  if (guest === 'no-partitions') throw new ImportFailure('ClientError: No valid partitions. Not a valid volume.')
  if (guest === 'unknown') throw new ImportFailure('ClientError: Unknown OS / Missing OS files.')
  if (task.image?.platform !== undefined && task.image.platform !== guest) {
    throw new ImportFailure(
      `ClientError: The platform ${task.image.platform} does not match the detected operating system ${guest}.`,
    )
  }
  if (guest === 'Linux' && task.image?.licenseType === 'AWS') {
    throw new ImportFailure('ClientError: The license type AWS is not supported for Linux.')
  }
  return guest
}

async function mark(snapshot: Snapshot, taskId: string): Promise<void> {
  const index = Math.floor(markerOffset / blockBytes)
  const block = await snapshot.content.readBlock(index)
  block.write(conversionMarker(taskId), markerOffset - index * blockBytes, 'latin1')
  await snapshot.content.writeBlock(index, block)
}

/** Billing by platform and licence: VM Import/Export User Guide, "Licensing options"; Windows without a choice is AWS's. */
function billing(guest: Guest, task: ImportTask) {
  const { licenseType, usageOperation } = task.image ?? {}
  const byUsage =
    usageOperation ??
    (guest === 'Windows' ? (licenseType === 'BYOL' ? 'RunInstances:0800' : 'RunInstances:0002') : 'RunInstances')
  const details: Record<string, string> = {
    RunInstances: 'Linux/UNIX',
    'RunInstances:0002': 'Windows',
    'RunInstances:0800': 'Windows BYOL',
    'RunInstances:0010': 'Red Hat Enterprise Linux',
    'RunInstances:000g': 'SUSE Linux',
  }
  const platformDetails = details[byUsage]
  if (platformDetails === undefined)
    throw new ImportFailure(`ClientError: The usage operation ${byUsage} is not supported.`)
  return { usageOperation: byUsage, platformDetails }
}

function register(lab: Lab, task: ImportTask, guest: Guest): void {
  const { image } = task
  if (image === undefined) throw new Error(`lab: ${task.id} makes no image`)
  const bill = billing(guest, task)
  const mappings = task.disks.map((disk, index) => {
    const snapshot = snapshotOf(lab, disk)
    disk.deviceName ??= index === 0 ? '/dev/sda1' : `/dev/sd${String.fromCharCode(97 + index)}`
    disk.status = 'completed'
    return {
      DeviceName: disk.deviceName,
      Ebs: {
        SnapshotId: snapshot.id,
        VolumeSize: snapshot.volumeSizeGiB,
        VolumeType: 'gp2' as const,
        DeleteOnTermination: true,
        Encrypted: snapshot.encrypted,
      },
    }
  })
  const made = lab.images.add(
    {
      name: task.id,
      description: task.description || `AWS-VMImport service: ${guest} - ${bill.platformDetails}`,
      architecture: image.architecture,
      virtualizationType: 'hvm',
      rootDeviceName: mappings[0]?.DeviceName ?? '',
      mappings,
      enaSupport: true,
      bootMode: image.bootMode ?? 'legacy-bios',
      ...(guest === 'Windows' ? { platform: 'windows' as const } : {}),
      ...bill,
      tags: [],
    },
    lab.now(),
  )
  image.imageId = made.id
  image.platform = guest === 'Windows' ? 'Windows' : 'Linux'
  image.usageOperation = bill.usageOperation
  image.licenseType ??= guest === 'Windows' ? 'AWS' : 'BYOL'
}
