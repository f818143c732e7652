// AMIs: registering one on a run's snapshots as they are, waiting for it, and taking one away.
import {
  type BlockDeviceMapping,
  type BootModeValues,
  DeregisterImageCommand,
  DescribeImagesCommand,
  type Image,
  RegisterImageCommand,
} from '@aws-sdk/client-ec2'
import type { Firmware } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { awsCode } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { deleteSnapshot } from './ec2-snapshot.ts'
import { snapshotsOfOtherImages } from './image-use.ts'
import { defaultPollMs, unknownForMs } from './import-task.ts'
import { connectorTagKey } from './permissions.ts'
import { pollPause } from './retry.ts'
import { runTagKey, toTagList } from './tags.ts'

const gib = 1024 ** 3

export interface ImageSnapshot {
  snapshotId: string
  /** The disk's size in vCenter. */
  sizeBytes: number
  /** The disk that boots; the first one if none says so. */
  root?: boolean
}

export interface RegisterImageInput {
  clients: AwsClients
  /** From `imageName`: unique per account and Region. */
  name: string
  description: string
  firmware: Firmware
  vTpm: boolean
  /** In the order of the server's disks. */
  snapshots: ImageSnapshot[]
  /** From `ownershipTags`: an image that carries the same `hoist:run` is taken for this one. */
  tags: Record<string, string>
  pollMs?: number | undefined
  signal?: AbortSignal | undefined
}

/**
 * Registers an image on the snapshots, which the image then stands on, and waits until it is available.
 * Calling it again for the same run finds the image that is there.
 * @throws ApplianceError IMAGE_FAILED, GUEST_UNSUPPORTED
 */
export async function registerImage(input: RegisterImageInput): Promise<{ imageId: string }> {
  const { clients, name, description, firmware, vTpm, snapshots, tags, pollMs, signal } = input
  const { [connectorTagKey]: connectorId = '', [runTagKey]: runId = '' } = tags
  const earlier = await findImageOfRun({ clients, connectorId, runId, signal })
  if (earlier !== undefined) return awaitImage({ clients, imageId: earlier, pollMs, signal })
  const command = new RegisterImageCommand({
    Name: name,
    Description: description,
    // RegisterImage's own defaults are i386 and paravirtual.
    Architecture: 'x86_64',
    VirtualizationType: 'hvm',
    EnaSupport: true,
    SriovNetSupport: 'simple',
    BootMode: bootMode(firmware),
    ImdsSupport: 'v2.0',
    // AWS offers NitroTPM with UEFI only.
    ...(vTpm && firmware === 'efi' ? { TpmSupport: 'v2.0' as const } : {}),
    RootDeviceName: rootDevice,
    BlockDeviceMappings: blockDevices(name, snapshots),
    TagSpecifications: [{ ResourceType: 'image', Tags: toTagList(tags) }],
  })
  const imageId = await registerOnce(clients, command, { name, connectorId, runId, pollMs, signal })
  return awaitImage({ clients, imageId, pollMs, signal })
}

/** With the usual pause of 15 s, as long as EC2 may take to list what it has made. */
const duplicateLooks = 8

/** RegisterImage takes no client token: an attempt whose answer was lost shows as a name that is taken. */
async function registerOnce(
  clients: AwsClients,
  command: RegisterImageCommand,
  {
    name,
    connectorId,
    runId,
    pollMs = defaultPollMs,
    signal,
  }: {
    name: string
    connectorId: string
    runId: string
    pollMs: number | undefined
    signal: AbortSignal | undefined
  },
): Promise<string> {
  try {
    const { ImageId: imageId } = await clients.call('ec2:RegisterImage', sdk => clients.ec2.send(command, sdk), {
      signal,
      creates: true,
    })
    if (imageId !== undefined) return imageId
  } catch (thrown) {
    if (awsCode(thrown) !== 'InvalidAMIName.Duplicate') throw thrown
    // EC2 is eventually consistent: the image that has the name may not be listed yet.
    for (let look = 1; ; look++) {
      const found = await findImageOfRun({ clients, connectorId, runId, signal })
      if (found !== undefined) return found
      if (look === duplicateLooks) throw thrown
      await pollPause(pollMs, signal)
    }
  }
  throw imageFailed(name, 'AWS registered it without an id')
}

/** AWS's boot mode for a server's firmware. */
export function bootMode(firmware: Firmware): BootModeValues {
  return firmware === 'efi' ? 'uefi' : 'legacy-bios'
}

/** AMI names: 3 to 128 of a few characters; the moment makes them unique. */
export function imageName(serverName: string, runId: string, at: Date): string {
  const moment = at.toISOString().replace(/[-:]/g, '').slice(0, 15)
  const server = serverName.replace(/[^A-Za-z0-9()[\] ./\-'@_]/g, '_').slice(0, 80)
  return `${server} ${moment} ${runId.replace(/[^A-Za-z0-9]/g, '').slice(0, 12)}`
}

const rootDevice = '/dev/sda1'
/** EC2's recommended names for HVM come first; the rest are allowed too. */
const dataDevices = [...'fghijklmnopbcdeqrstuvwxyz'].map(letter => `/dev/sd${letter}`)

function blockDevices(name: string, snapshots: ImageSnapshot[]): BlockDeviceMapping[] {
  const root = snapshots.find(snapshot => snapshot.root === true) ?? snapshots[0]
  if (root === undefined) throw imageFailed(name, 'there is no snapshot to stand on')
  const data = snapshots.filter(snapshot => snapshot !== root)
  if (data.length > dataDevices.length) {
    throw new ApplianceError(
      'GUEST_UNSUPPORTED',
      `${name}: ${snapshots.length} disks are more than an image can have.`,
      {
        hint: `An image takes ${dataDevices.length + 1} disks: leave some out of the job.`,
      },
    )
  }
  return [root, ...data].map((snapshot, index) => ({
    DeviceName: index === 0 ? rootDevice : (dataDevices[index - 1] as string),
    Ebs: {
      SnapshotId: snapshot.snapshotId,
      VolumeSize: Math.max(1, Math.ceil(snapshot.sizeBytes / gib)),
      VolumeType: 'gp3',
      DeleteOnTermination: true,
    },
  }))
}

/** The image that a run has already made, available or on its way. */
export async function findImageOfRun(input: {
  clients: AwsClients
  connectorId: string
  runId: string
  signal?: AbortSignal | undefined
}): Promise<string | undefined> {
  const { clients, connectorId, runId, signal } = input
  const command = new DescribeImagesCommand({
    Owners: ['self'],
    Filters: [
      { Name: `tag:${connectorTagKey}`, Values: [connectorId] },
      { Name: `tag:${runTagKey}`, Values: [runId] },
    ],
  })
  const { Images: found } = await clients.call('ec2:DescribeImages', sdk => clients.ec2.send(command, sdk), { signal })
  return found?.find(image => image.State === 'available' || image.State === 'pending')?.ImageId
}

/** Waits until the image is available. @throws ApplianceError IMAGE_FAILED */
export async function awaitImage(input: {
  clients: AwsClients
  imageId: string
  pollMs?: number | undefined
  signal?: AbortSignal | undefined
}): Promise<{ imageId: string; snapshotIds: string[] }> {
  const { clients, imageId, pollMs = defaultPollMs, signal } = input
  const startedAt = Date.now()
  for (;;) {
    const image = await describeImage({ clients, imageId, signal })
    if (image?.State === 'available') return { imageId, snapshotIds: snapshotsOf(image) }
    const unknown = image === undefined && Date.now() - startedAt <= unknownForMs
    if (!unknown && image?.State !== 'pending') {
      throw imageFailed(imageId, image?.StateReason?.Message ?? `its state is ${image?.State ?? 'unknown'}`)
    }
    await pollPause(pollMs, signal)
  }
}

async function describeImage(input: {
  clients: AwsClients
  imageId: string
  signal?: AbortSignal | undefined
}): Promise<Image | undefined> {
  const { clients, imageId, signal } = input
  const command = new DescribeImagesCommand({ ImageIds: [imageId] })
  try {
    const { Images: found } = await clients.call('ec2:DescribeImages', sdk => clients.ec2.send(command, sdk), {
      signal,
    })
    return found?.[0]
  } catch (thrown) {
    if (awsCode(thrown) === 'InvalidAMIID.NotFound') return undefined
    throw thrown
  }
}

function snapshotsOf(image: Image): string[] {
  return (image.BlockDeviceMappings ?? []).flatMap(mapping => mapping.Ebs?.SnapshotId ?? [])
}

/** A snapshot that is still in use after so long is so for another reason, such as an image in the Recycle Bin. */
const inUsePatienceMs = 120_000

/**
 * Deregisters an image, then deletes the given snapshots: a snapshot in use by an image cannot be deleted. Those on which
 * another image stands stay. What is gone already is no error.
 */
export async function removeImage(input: {
  clients: AwsClients
  imageId: string
  snapshotIds: string[]
  patienceMs?: number | undefined
  pollMs?: number | undefined
  signal?: AbortSignal | undefined
}): Promise<{ keptSnapshotIds: string[] }> {
  const { clients, imageId, snapshotIds, patienceMs = inUsePatienceMs, pollMs, signal } = input
  const command = new DeregisterImageCommand({ ImageId: imageId })
  try {
    await clients.call('ec2:DeregisterImage', sdk => clients.ec2.send(command, sdk), { signal })
  } catch (thrown) {
    if (!/^InvalidAMIID\.(NotFound|Unavailable)$/.test(awsCode(thrown))) throw thrown
  }
  const others = await snapshotsOfOtherImages({ clients, imageId, snapshotIds, signal })
  for (const snapshotId of snapshotIds) {
    if (!others.has(snapshotId)) await deleteSnapshot({ clients, snapshotId, patienceMs, pollMs, signal })
  }
  return { keptSnapshotIds: snapshotIds.filter(snapshotId => others.has(snapshotId)) }
}

function imageFailed(name: string, text: string): ApplianceError {
  return new ApplianceError('IMAGE_FAILED', `The image ${name} could not be made: ${text}`, {
    hint: "Run again; AWS's own words, if any, say what it did not accept.",
  })
}
