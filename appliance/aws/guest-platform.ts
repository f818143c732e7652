// What VM Import must be told about a guest: its platform from vSphere's guest id, and which licence may be asked for.
import type { Licence } from '../domain.ts'
import { ApplianceError } from '../errors.ts'

export type GuestPlatform = 'Windows' | 'Linux'

/** vSphere's `VirtualMachineGuestOsIdentifier` families that VM Import knows; others have no conversion. */
const linux =
  /^(almalinux|amazonlinux|asianux|centos|coreos|crxPod|crxSys|debian|fedora|genericLinux|kylinlinux|linuxmint|mandrake|mandriva|miraclelinux|nld9|oes|openSUSE|opensuse|oracleLinux|other\dxLinux|other\d+xLinux|otherLinux|other2[46]xLinux|pardus|photon|redhat|rhel|rockylinux|rocky|sjds|sles|suse|turboLinux|ubuntu|vmwarePhoton)/i
const windows = /^win/i

/** The platform that `ImportImage` needs for UEFI guests from snapshots; undefined for what it cannot convert. */
export function guestPlatform(guestId: string): GuestPlatform | undefined {
  if (windows.test(guestId)) return 'Windows'
  if (linux.test(guestId)) return 'Linux'
  return undefined
}

/**
 * The `LicenseType` for a job's choice. Undefined lets AWS choose: its own licence for Windows Server, the customer's for
 * Windows clients and Linux (VM Import User Guide, Licensing options).
 * @throws ApplianceError GUEST_UNSUPPORTED for AWS's licence on anything but Windows.
 */
export function licenceType(licence: Licence, platform: GuestPlatform, what: string): 'AWS' | 'BYOL' | undefined {
  if (licence === 'auto') return undefined
  if (licence === 'byol') return 'BYOL'
  if (platform === 'Windows') return 'AWS'
  throw new ApplianceError('GUEST_UNSUPPORTED', `${what}: AWS provides no licence for an imported Linux guest.`, {
    hint: 'Choose "auto" or "BYOL" for this job.',
  })
}
