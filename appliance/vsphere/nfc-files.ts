// Which file of an export lease is which disk of the server.

import { ApplianceError } from '../errors.ts'
import type { DiskAddress } from './virtual-devices.ts'
import { booleanAt, numberAt, textAt, type XmlElement } from './xml.ts'

/** A file of a lease that holds a disk. */
export interface ExportedFile {
  /** VirtualDevice.key. */
  diskKey: number
  /** `HttpNfcLeaseDeviceUrl.key`. */
  deviceUrlKey: string
  targetId: string
  /** Bytes, as vCenter guesses them; 0 if it does not. */
  sizeHintBytes: number
  url: URL
}

/**
 * Pairs the lease's device URLs with disks; those that are no disk (an ISO, the NVRAM) are left out.
 *
 * A device URL's key is `/<vm>/<controller type><bus>:<unit>`, such as `/vm-42/ParaVirtualSCSIController0:1`: the place
 * of the disk in the hardware that is exported. Where the controller's type is spelled in another way, bus and unit
 * decide if they are unambiguous, and a last pair that is left over belongs together. Anything else is refused as
 * NFC_DISK_UNKNOWN: bytes under the wrong disk would be worse than no bytes.
 *
 * A `*` in place of the URL's host means the host that we are connected to.
 */
export function matchDisks(
  deviceUrls: readonly XmlElement[],
  disks: readonly DiskAddress[],
  { serverName, connectedHost }: { serverName: string; connectedHost: string },
): ExportedFile[] {
  const files = deviceUrls.filter(element => booleanAt(element, 'disk'))
  const found = new Map<XmlElement, DiskAddress>()
  const free = () => disks.filter(disk => ![...found.values()].includes(disk))
  for (const exact of [true, false]) {
    for (const file of files.filter(candidate => !found.has(candidate))) {
      const [only, ...others] = free().filter(disk => isAt(disk, textAt(file, 'key') ?? '', exact))
      if (only && others.length === 0) found.set(file, only)
    }
  }
  const [lastFile, ...otherFiles] = files.filter(file => !found.has(file))
  const [lastDisk, ...otherDisks] = free()
  if (lastFile && lastDisk && otherFiles.length === 0 && otherDisks.length === 0) found.set(lastFile, lastDisk)

  const unknown = files.filter(file => !found.has(file)).map(file => textAt(file, 'key'))
  if (unknown.length > 0 || files.length === 0) {
    const which = files.length === 0 ? 'no disk' : `files of unknown disks: ${unknown.join(', ')}`
    throw new ApplianceError('NFC_DISK_UNKNOWN', `The export of ${serverName} has ${which}`, {
      hint: 'Report this with the versions of vCenter and of the host.',
    })
  }
  return [...found].map(([file, disk]) => ({
    diskKey: disk.diskKey,
    deviceUrlKey: textAt(file, 'key') ?? '',
    targetId: textAt(file, 'targetId') ?? '',
    sizeHintBytes: numberAt(file, 'fileSize') ?? 0,
    url: urlOf(textAt(file, 'url') ?? '', connectedHost, serverName),
  }))
}

function isAt(disk: DiskAddress, key: string, exact: boolean): boolean {
  const [, type, bus, unit] = /\/([A-Za-z]+)(\d+):(\d+)$/.exec(key) ?? []
  const samePlace = disk.busNumber === Number(bus) && disk.unitNumber === Number(unit)
  return samePlace && (!exact || disk.controllerType === type)
}

function urlOf(text: string, connectedHost: string, serverName: string): URL {
  const url = URL.parse(text.replace(/^https:\/\/\*(?=[:/])/, `https://${connectedHost}`))
  if (url?.protocol === 'https:') return url
  throw new ApplianceError('VCENTER_PROTOCOL', `The export of ${serverName} names no https address: ${url?.protocol}`, {
    hint: 'Report this with the versions of vCenter and of the host.',
  })
}
