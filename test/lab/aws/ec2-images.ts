// EC2's images: RegisterImage with AWS's defaults and refusals, describe, deregister.
import type {
  BlockDeviceMapping,
  DeregisterImageRequest,
  DescribeImagesRequest,
  RegisterImageRequest,
} from '@aws-sdk/client-ec2'
import { authorize, type Call, endDryRun } from './authorize.ts'
import { AwsError, invalidParameter } from './aws-error.ts'
import { newId } from './config.ts'
import { applyFilters, page } from './ec2-filters.ts'
import { authorizeCreation, requestedTags, resourceContext } from './ec2-tags.ts'
import type { Tag } from './snapshot-store.ts'

export type Image = {
  id: string
  arn: string
  name: string
  description: string
  architecture: string
  virtualizationType: string
  rootDeviceName: string
  mappings: BlockDeviceMapping[]
  enaSupport: boolean
  sriovNetSupport?: string
  bootMode?: string
  tpmSupport?: string
  imdsSupport?: string
  platform?: 'windows'
  platformDetails: string
  usageOperation: string
  createdAt: Date
  tags: Tag[]
}

export type NewImage = Omit<Image, 'id' | 'arn' | 'createdAt'> & { id?: string }

export class ImageStore {
  private readonly region: string
  private readonly images = new Map<string, Image>()
  /** Images that were there: AWS words their absence differently. */
  private readonly gone = new Set<string>()

  constructor(region: string) {
    this.region = region
  }

  arn(id: string): string {
    return `arn:aws:ec2:${this.region}::image/${id}`
  }

  add(wanted: NewImage, createdAtMs: number): Image {
    for (const image of this.images.values()) {
      if (image.name === wanted.name) {
        throw new AwsError('InvalidAMIName.Duplicate', `AMI name ${wanted.name} is already in use by AMI ${image.id}`)
      }
    }
    const id = wanted.id ?? newId('ami')
    const image = { ...wanted, id, arn: this.arn(id), createdAt: new Date(createdAtMs) }
    this.images.set(id, image)
    return image
  }

  get(id: string): Image {
    const image = this.images.get(id)
    if (image !== undefined) return image
    if (!/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/.test(id))
      throw new AwsError('InvalidAMIID.Malformed', `Invalid id: "${id}"`)
    if (this.gone.has(id)) throw new AwsError('InvalidAMIID.Unavailable', `The image ID '${id}' is no longer available`)
    throw new AwsError('InvalidAMIID.NotFound', `The image id '[${id}]' does not exist`)
  }

  all(): Image[] {
    return [...this.images.values()]
  }

  /** The image that a snapshot backs. */
  using(snapshotId: string): Image | undefined {
    return this.all().find(image => image.mappings.some(mapping => mapping.Ebs?.SnapshotId === snapshotId))
  }

  remove(image: Image): void {
    this.images.delete(image.id)
    this.gone.add(image.id)
  }
}

function registerImage(input: RegisterImageRequest, call: Call) {
  const { lab } = call
  const tags = requestedTags(input.TagSpecifications, 'image')
  const snapshotArns = (input.BlockDeviceMappings ?? []).flatMap(({ Ebs }) =>
    Ebs?.SnapshotId === undefined ? [] : [lab.snapshots.arn(Ebs.SnapshotId)],
  )
  authorizeCreation(call, [lab.images.arn('*'), ...snapshotArns], lab.images.arn('*'), tags)
  endDryRun(input)
  const name = input.Name ?? ''
  if (!/^[\w()[\] ./'@-]{3,128}$/.test(name)) {
    throw new AwsError(
      'InvalidAMIName.Malformed',
      `AMI names must be between 3 and 128 characters long, and may contain letters, numbers, '(', ')', '.', '-', '/' and '_'`,
    )
  }
  const { virtualizationType, bootMode } = checkMachine(input)
  const mappings = (input.BlockDeviceMappings ?? []).map(mapping => checkMapping(mapping, call))
  checkDevices(input.RootDeviceName, mappings)
  const optional = {
    ...(input.SriovNetSupport === undefined ? {} : { sriovNetSupport: input.SriovNetSupport }),
    ...(bootMode === undefined ? {} : { bootMode }),
    ...(input.TpmSupport === undefined ? {} : { tpmSupport: input.TpmSupport }),
    ...(input.ImdsSupport === undefined ? {} : { imdsSupport: input.ImdsSupport }),
  }
  const image = lab.images.add(
    {
      name,
      description: input.Description ?? '',
      // AWS's own defaults, right for hardly anybody (EC2 API reference).
      architecture: input.Architecture ?? 'i386',
      virtualizationType,
      rootDeviceName: input.RootDeviceName ?? '',
      mappings,
      enaSupport: input.EnaSupport ?? false,
      // The billing code comes from the snapshot's ancestry: one that was uploaded has none.
      platformDetails: 'Linux/UNIX',
      usageOperation: 'RunInstances',
      tags,
      ...optional,
    },
    lab.now(),
  )
  return { ImageId: image.id }
}

function checkMachine(input: RegisterImageRequest) {
  const virtualizationType = input.VirtualizationType ?? 'paravirtual'
  oneOf('virtualizationType', virtualizationType, ['hvm', 'paravirtual'])
  oneOf('architecture', input.Architecture, ['i386', 'x86_64', 'arm64', 'x86_64_mac', 'arm64_mac'])
  oneOf('bootMode', input.BootMode, ['legacy-bios', 'uefi', 'uefi-preferred'])
  oneOf('tpmSupport', input.TpmSupport, ['v2.0'])
  oneOf('imdsSupport', input.ImdsSupport, ['v2.0'])
  const hvmOnly = {
    enaSupport: input.EnaSupport,
    sriovNetSupport: input.SriovNetSupport,
    bootMode: input.BootMode,
    tpmSupport: input.TpmSupport,
  }
  for (const [name, value] of Object.entries(hvmOnly)) {
    if (value !== undefined && value !== false && virtualizationType !== 'hvm') {
      throw new AwsError('InvalidParameterCombination', `The parameter ${name} is supported only for HVM images`)
    }
  }
  if (input.TpmSupport !== undefined && input.BootMode !== 'uefi') {
    throw new AwsError('InvalidParameterCombination', `TpmSupport '${input.TpmSupport}' requires the boot mode 'uefi'`)
  }
  if (input.BootMode !== undefined && input.BootMode !== 'legacy-bios' && (input.Architecture ?? 'i386') === 'i386') {
    throw new AwsError(
      'InvalidParameterCombination',
      `The boot mode '${input.BootMode}' is not supported for the architecture 'i386'`,
    )
  }
  if (
    input.ImageLocation !== undefined ||
    input.KernelId !== undefined ||
    input.RamdiskId !== undefined ||
    input.BillingProducts?.length
  ) {
    throw new AwsError(
      'UnsupportedOperation',
      'The lab registers images from snapshots, without kernel, ramdisk or billing products.',
    )
  }
  return { virtualizationType, bootMode: input.BootMode }
}

function oneOf(parameter: string, value: string | undefined, allowed: string[]): void {
  if (value !== undefined && !allowed.includes(value)) {
    throw invalidParameter(
      `Value (${value}) for parameter ${parameter} is invalid. Expected one of: ${allowed.join(', ')}`,
    )
  }
}

/** A mapping as DescribeImages will show it: with the size, type and encryption that AWS fills in. */
function checkMapping(mapping: BlockDeviceMapping, call: Call): BlockDeviceMapping {
  const device = mapping.DeviceName ?? ''
  if (!/^(\/dev\/)?[a-z]+[a-z0-9]*$/.test(device))
    throw new AwsError('InvalidBlockDeviceMapping', `Invalid device name ${device}`)
  const { Ebs: ebs } = mapping
  if (ebs === undefined) throw new AwsError('InvalidBlockDeviceMapping', `The device ${device} has no EBS volume`)
  if (ebs.Encrypted !== undefined || ebs.KmsKeyId !== undefined) {
    throw new AwsError(
      'InvalidBlockDeviceMapping',
      'The parameter encrypted cannot be specified for a snapshot in a block device mapping of an image',
    )
  }
  if (ebs.SnapshotId === undefined) {
    if (ebs.VolumeSize === undefined)
      throw new AwsError('MissingParameter', `The device ${device} needs a snapshot or a volume size`)
    return { ...mapping, Ebs: { DeleteOnTermination: true, VolumeType: 'gp2', Encrypted: false, ...ebs } }
  }
  const snapshot = call.lab.snapshots.get(ebs.SnapshotId)
  if (snapshot.state !== 'completed') {
    throw new AwsError('IncorrectState', `Snapshot ${snapshot.id} is in invalid state - ${snapshot.state}`)
  }
  const size = ebs.VolumeSize ?? snapshot.volumeSizeGiB
  if (size < snapshot.volumeSizeGiB) {
    throw new AwsError(
      'InvalidBlockDeviceMapping',
      `Volume of size ${size}GB is smaller than snapshot '${snapshot.id}', expect size >= ${snapshot.volumeSizeGiB}GB`,
    )
  }
  return {
    DeviceName: device,
    Ebs: { DeleteOnTermination: true, VolumeType: 'gp2', ...ebs, VolumeSize: size, Encrypted: snapshot.encrypted },
  }
}

function checkDevices(root: string | undefined, mappings: BlockDeviceMapping[]): void {
  if (root === undefined)
    throw new AwsError('MissingParameter', 'The request must contain the parameter rootDeviceName')
  const names = mappings.map(mapping => mapping.DeviceName)
  if (new Set(names).size !== names.length)
    throw new AwsError('InvalidBlockDeviceMapping', 'A device name is specified more than once')
  if (!mappings.some(mapping => mapping.DeviceName === root && mapping.Ebs?.SnapshotId !== undefined)) {
    throw new AwsError(
      'InvalidBlockDeviceMapping',
      `Missing root device snapshot: ${root} is not in the block device mapping`,
    )
  }
}

function describe(image: Image, accountId: string) {
  return {
    ImageId: image.id,
    ImageLocation: `${accountId}/${image.name}`,
    Name: image.name,
    Description: image.description,
    State: 'available',
    OwnerId: accountId,
    Public: false,
    ImageType: 'machine',
    CreationDate: image.createdAt.toISOString(),
    Architecture: image.architecture,
    VirtualizationType: image.virtualizationType,
    Hypervisor: 'xen',
    RootDeviceType: 'ebs',
    RootDeviceName: image.rootDeviceName,
    BlockDeviceMappings: image.mappings,
    EnaSupport: image.enaSupport || undefined,
    SriovNetSupport: image.sriovNetSupport,
    BootMode: image.bootMode,
    TpmSupport: image.tpmSupport,
    ImdsSupport: image.imdsSupport,
    Platform: image.platform,
    PlatformDetails: image.platformDetails,
    UsageOperation: image.usageOperation,
    Tags: image.tags,
  }
}

function describeImages(input: DescribeImagesRequest, call: Call) {
  authorize(call, 'ec2:DescribeImages')
  endDryRun(input)
  const { images, accountId } = call.lab
  const asked = input.ImageIds?.length ? input.ImageIds.map(id => images.get(id)) : images.all()
  const owned = (input.Owners ?? ['self']).some(owner => owner === 'self' || owner === accountId) ? asked : []
  const found = applyFilters(owned, input.Filters, {
    'image-id': image => image.id,
    name: image => image.name,
    description: image => image.description,
    state: () => 'available',
    architecture: image => image.architecture,
    'virtualization-type': image => image.virtualizationType,
    'root-device-name': image => image.rootDeviceName,
    'root-device-type': () => 'ebs',
    'owner-id': () => accountId,
    'is-public': () => 'false',
    'image-type': () => 'machine',
    platform: image => image.platform,
    'boot-mode': image => image.bootMode,
    'ena-support': image => String(image.enaSupport),
    'block-device-mapping.snapshot-id': image => image.mappings.flatMap(mapping => mapping.Ebs?.SnapshotId ?? []),
    'block-device-mapping.device-name': image => image.mappings.flatMap(mapping => mapping.DeviceName ?? []),
  })
  const { items, nextToken } = page(found, input)
  return { Images: items.map(image => describe(image, accountId)), NextToken: nextToken }
}

async function deregisterImage(input: DeregisterImageRequest, call: Call) {
  const { lab } = call
  const image = lab.images.get(input.ImageId ?? '')
  authorize(call, 'ec2:DeregisterImage', image.arn, resourceContext(image.tags))
  endDryRun(input)
  lab.images.remove(image)
  const ids = input.DeleteAssociatedSnapshots === true ? image.mappings.flatMap(one => one.Ebs?.SnapshotId ?? []) : []
  for (const id of ids) await lab.snapshots.remove(lab.snapshots.get(id))
  return { Return: true, DeleteSnapshotResults: ids.map(id => ({ SnapshotId: id, ReturnCode: 'success' })) }
}

export const imageOperations = {
  RegisterImage: registerImage,
  DescribeImages: describeImages,
  DeregisterImage: deregisterImage,
}
