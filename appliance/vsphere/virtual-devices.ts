// Virtual hardware as vCenter lists it: disks, network cards, CD images, and how a disk hangs on its controller.

import type { ServerDisk, ServerNic } from '../domain.ts'
import type { Places } from './places.ts'
import { booleanAt, child, children, numberAt, textAt, type XmlElement } from './xml.ts'

/** Where a disk hangs: `ParaVirtualSCSIController`, bus 0, unit 1. */
export interface DiskAddress {
  diskKey: number
  controllerType: string
  busNumber: number
  unitNumber: number
}

/** The disks among the devices of a VM or of a snapshot of it, in the order of their keys. */
export function disksOf(devices: readonly XmlElement[]): ServerDisk[] {
  const byKey = keyed(devices)
  return devices
    .filter(isDisk)
    .map(device => toDisk(device, byKey.get(numberAt(device, 'controllerKey'))))
    .sort((a, b) => a.key - b.key)
}

function isDisk(device: XmlElement): boolean {
  return device.xsiType === 'VirtualDisk'
}

function keyed(devices: readonly XmlElement[]): Map<number | undefined, XmlElement> {
  return new Map(devices.map(device => [numberAt(device, 'key'), device]))
}

function toDisk(device: XmlElement, controller: XmlElement | undefined): ServerDisk {
  const backing = child(device, 'backing')
  const fileName = textAt(backing, 'fileName') ?? ''
  const backingUuid = textAt(backing, 'uuid')
  const changeId = textAt(backing, 'changeId')
  return {
    key: numberAt(device, 'key') ?? 0,
    label: textAt(device, 'deviceInfo', 'label') ?? '',
    // capacityInBytes came with vSphere 5.5; a size that is no multiple of 1 KiB shows in it alone.
    sizeBytes: numberAt(device, 'capacityInBytes') ?? (numberAt(device, 'capacityInKB') ?? 0) * 1024,
    fileName,
    datastore: datastoreOf(fileName),
    thin: booleanAt(backing, 'thinProvisioned'),
    mode: textAt(backing, 'diskMode') ?? '',
    sharing: sharingOf(textAt(backing, 'sharing'), textAt(controller, 'sharedBus')),
    kind: kindOf(backing),
    encrypted: child(backing, 'keyId') !== undefined,
    ...(backingUuid === undefined ? {} : { backingUuid }),
    ...(changeId === undefined ? {} : { changeId }),
  }
}

/** A disk is shared by itself (multi-writer) or by its SCSI controller, whose bus several VMs use (a cluster). */
function sharingOf(sharing: string | undefined, sharedBus: string | undefined): string {
  if (sharing === 'sharingMultiWriter') return 'multiWriter'
  return sharedBus === 'virtualSharing' || sharedBus === 'physicalSharing' ? sharedBus : 'none'
}

/** An RDM hangs on VirtualDiskRawDiskMappingVer1BackingInfo; its compatibility mode says which of the two it is. */
function kindOf(backing: XmlElement | undefined): ServerDisk['kind'] {
  if (!backing?.xsiType.includes('RawDisk')) return 'file'
  return textAt(backing, 'compatibilityMode') === 'virtualMode' ? 'rdmVirtual' : 'rdmPhysical'
}

/** `vmfs1` of `[vmfs1] web01/web01.vmdk`. */
export function datastoreOf(fileName: string): string {
  return /^\[(.*?)\]/.exec(fileName)?.[1] ?? ''
}

/** Controllers and unit numbers of all disks: what an export lease names its files by. */
export function diskAddresses(devices: readonly XmlElement[]): DiskAddress[] {
  const byKey = keyed(devices)
  return devices.filter(isDisk).map(device => {
    const controller = byKey.get(numberAt(device, 'controllerKey'))
    return {
      diskKey: numberAt(device, 'key') ?? 0,
      controllerType: controller?.xsiType ?? '',
      busNumber: numberAt(controller, 'busNumber') ?? -1,
      unitNumber: numberAt(device, 'unitNumber') ?? -1,
    }
  })
}

/** ISO images in CD drives, connected or not: a drive that starts connected holds a server to its datastore. */
export function isoPathsOf(devices: readonly XmlElement[]): string[] {
  return devices
    .filter(
      device => device.xsiType === 'VirtualCdrom' && child(device, 'backing')?.xsiType === 'VirtualCdromIsoBackingInfo',
    )
    .map(device => textAt(device, 'backing', 'fileName') ?? '')
    .filter(path => path !== '')
}

/** Network cards with the addresses that VMware Tools report for them. */
export function nicsOf(devices: readonly XmlElement[], guestNet: XmlElement | undefined, places: Places): ServerNic[] {
  const reported = new Map(children(guestNet, 'GuestNicInfo').map(nic => [numberAt(nic, 'deviceConfigId'), nic]))
  return devices
    .filter(device => child(device, 'macAddress') !== undefined)
    .map(device => {
      const key = numberAt(device, 'key') ?? 0
      return {
        key,
        label: textAt(device, 'deviceInfo', 'label') ?? '',
        mac: textAt(device, 'macAddress') ?? '',
        network: networkOf(child(device, 'backing'), places),
        connected: booleanAt(device, 'connectable', 'connected'),
        addresses: children(reported.get(key), 'ipAddress').map(address => address.text),
      }
    })
}

/** A standard switch is named in the backing itself; a distributed one only by its port group's moref. */
function networkOf(backing: XmlElement | undefined, places: Places): string {
  const portgroup = textAt(backing, 'port', 'portgroupKey')
  if (portgroup !== undefined) return places.name(portgroup)
  return textAt(backing, 'deviceName') ?? textAt(backing, 'opaqueNetworkId') ?? ''
}
