// The virtual hardware of the appliance, and the sizes it comes in. Source: DMTF DSP0243 1.1 and CIM_ResourceAllocationSettingData.
import { element, type XmlElement } from './xml.ts'

export interface DeploymentSize {
  id: string
  label: string
  /** What it is meant for, as the deployment wizard shows it. */
  description: string
  cpus: number
  memoryMiB: number
}

/** The first is the default. */
export const deploymentSizes: readonly [DeploymentSize, ...DeploymentSize[]] = [
  {
    id: 'standard',
    label: 'Standard',
    description: '2 vCPU, 4 GiB of memory. Enough for most sites.',
    cpus: 2,
    memoryMiB: 4096,
  },
  {
    id: 'large',
    label: 'Large',
    // As many runs go on at once as with the other: the caps protect vCenter and AWS, not the appliance (adr/0007: a core a disk).
    description:
      '4 vCPU, 8 GiB of memory. Where several disks at a time arrive over more than 1 Gbit/s: each is decoded and checked on a core of its own. As many run at once as with Standard.',
    cpus: 4,
    memoryMiB: 8192,
  },
]

/** vmx-13: ESXi 6.5, the oldest that has EFI, pvscsi and vmxnet3 as this guest needs them. */
export const HARDWARE_VERSION = 'vmx-13'
/** The name that is mapped to a port group of the site. */
export const NETWORK_NAME = 'Management'
/**
 * CIM's number for Debian (64 bit), and the newest Debian that vSphere 6.5 has a name for (Debian 11 came with 7.0, 12 with
 * 8.0.0.1): a name that is not known is taken for another system, of 32 bits at worst. Source: VMware's own enumerations,
 * VirtualMachineGuestOsIdentifier in pyVmomi 6.5 and govmomi 0.56.
 */
export const GUEST_OS = { cim: 96, vmware: 'debian10_64Guest' }

/** CIM resource types. */
const type = { cpu: 3, memory: 4, ide: 5, scsi: 6, network: 10, cdrom: 15, disk: 17 } as const

/** Instance ids of the items that others name as their parent. */
const SCSI_ID = 3
const IDE_ID = 4

/** A disk on the pvscsi controller. */
export interface AttachedDisk {
  /** Of the DiskSection. */
  diskId: string
  label: string
}

/** The VirtualHardwareSection; `disks` in their order on the controller. */
export function hardwareSection(virtualSystemId: string, disks: readonly AttachedDisk[]): XmlElement {
  const attributes = { 'ovf:transport': 'com.vmware.guestInfo iso' }
  return element('VirtualHardwareSection', attributes, [
    element('Info', {}, 'Virtual hardware'),
    element('System', {}, [
      element('vssd:ElementName', {}, 'Virtual Hardware Family'),
      element('vssd:InstanceID', {}, 0),
      element('vssd:VirtualSystemIdentifier', {}, virtualSystemId),
      element('vssd:VirtualSystemType', {}, HARDWARE_VERSION),
    ]),
    // Each size has its items, with none that holds for all: readers differ in what overrides what. The default stands
    // first, as those that know nothing of sizes take the first.
    ...deploymentSizes.flatMap(size => [
      item({ 'ovf:configuration': size.id }, 1, `${size.cpus} virtual CPUs`, type.cpu, {
        AllocationUnits: 'hertz * 10^6',
        VirtualQuantity: size.cpus,
      }),
      item({ 'ovf:configuration': size.id }, 2, `${size.memoryMiB} MiB of memory`, type.memory, {
        AllocationUnits: 'byte * 2^20',
        VirtualQuantity: size.memoryMiB,
      }),
    ]),
    item({}, SCSI_ID, 'SCSI controller 0', type.scsi, { Address: 0, ResourceSubType: 'VirtualSCSI' }),
    // For the ISO that carries the properties where VMware Tools' guestinfo does not. IDE, because the guest's kernel has
    // ata_piix and no AHCI.
    item({}, IDE_ID, 'IDE 0', type.ide, { Address: 0 }),
    item({ 'ovf:required': false }, 5, 'CD/DVD drive 1', type.cdrom, {
      AddressOnParent: 0,
      AutomaticAllocation: false,
      Parent: IDE_ID,
      ResourceSubType: 'vmware.cdrom.remotepassthrough',
    }),
    ...disks.map(({ diskId, label }, unit) =>
      item({}, 6 + unit, label, type.disk, {
        AddressOnParent: unit,
        HostResource: `ovf:/disk/${diskId}`,
        Parent: SCSI_ID,
      }),
    ),
    item({}, 6 + disks.length, 'Network adapter 1', type.network, {
      AddressOnParent: 7,
      AutomaticAllocation: true,
      Connection: NETWORK_NAME,
      ResourceSubType: 'VmxNet3',
    }),
    config('firmware', 'efi'),
    // The boot loader is not signed by Microsoft.
    config('bootOptions.efiSecureBootEnabled', 'false'),
  ])
}

/** An Item. CIM wants its elements in the order of the alphabet. */
function item(
  attributes: Record<string, string | boolean>,
  instanceId: number,
  name: string,
  resourceType: number,
  rest: Record<string, string | number | boolean>,
): XmlElement {
  const fields = Object.entries({ ...rest, ElementName: name, InstanceID: instanceId, ResourceType: resourceType })
  fields.sort(([a], [b]) => (a < b ? -1 : 1))
  const children = fields.map(([key, value]) => element(`rasd:${key}`, {}, String(value)))
  return element('Item', attributes, children)
}

function config(key: string, value: string): XmlElement {
  return element('vmw:Config', { 'ovf:required': false, 'vmw:key': key, 'vmw:value': value })
}
