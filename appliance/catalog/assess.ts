// Readiness of a server by what vCenter says of it: refused early and by name, or warned about.
import type { Finding, ImageMethod, Server, ServerDisk } from '../domain.ts'

const tib = 2 ** 40
/** ImportSnapshot takes disks below 16 TiB. https://docs.aws.amazon.com/vm-import/latest/userguide/vmimport-import-snapshot.html */
const snapshotLimitBytes = 16 * tib
/** ImportImage takes up to 21 volumes below 8 TiB. https://docs.aws.amazon.com/vm-import/latest/userguide/prerequisites.html */
const convertedLimitBytes = 8 * tib
const convertedDisks = 21
/** Most Nitro instance types attach 28 devices, of which one is the network. https://docs.aws.amazon.com/ebs/latest/userguide/volume_limits.html */
const registeredDisks = 27

/** Guests that VM Import has deprecated from 1 February 2026, by vSphere's guest ids; 32-bit ones of any system besides. */
const deprecatedGuests =
  /^(winNet|winXP|win2000|winLonghorn|winVista|windows7|windows8(_64)?Guest|centos[5-8]?(_?64)?Guest|rhel[2-6](_?64)?Guest|debian([4-7]|10)(_64)?Guest)/

/** Systems whose licence AWS bills by a code that only conversion puts on the image. */
const billedGuests = /^(win|rhel|sles|suse)/

/**
 * What stands against replicating a server (`refusal`) and what may surprise (`warning`), refusals first.
 * Free space of datastores is looked at when a run begins: it changes by the minute.
 */
export function assess(server: Server, imageMethod: ImageMethod = 'registered'): Finding[] {
  const findings = [
    ...ofServer(server),
    ...server.disks.flatMap(ofDisk),
    ...(imageMethod === 'converted' ? ofConversion(server) : ofRegistration(server)),
  ]
  return [...findings.filter(isRefusal), ...findings.filter(finding => !isRefusal(finding))]
}

function isRefusal(finding: Finding): boolean {
  return finding.severity === 'refusal'
}

function ofServer(server: Server): Finding[] {
  const findings: Finding[] = []
  if (server.isTemplate)
    findings.push(
      refusal('TEMPLATE', 'it is a template', 'Convert the template to a virtual machine, or clone one from it.'),
    )
  if (server.faultTolerant)
    findings.push(
      refusal(
        'FAULT_TOLERANT',
        'fault tolerance is on, which allows no snapshots',
        'Turn fault tolerance off while it is replicated.',
      ),
    )
  if (server.disks.length === 0)
    findings.push(refusal('NO_DISKS', 'it has no disks', 'Attach its disks, then import the catalog again.'))
  if (!server.changeTrackingSupported)
    findings.push(
      warning(
        'NO_CHANGE_TRACKING',
        'changed block tracking is not possible, so every run reads whole disks',
        'Upgrade the hardware version to 7 or newer.',
      ),
    )
  if (server.isoPaths.length > 0)
    findings.push(
      warning(
        'ISO_ATTACHED',
        `an ISO image is attached (${server.isoPaths.join(', ')}) and is not carried over`,
        'Disconnect it if the guest needs it at boot.',
      ),
    )
  if (server.vTpm)
    findings.push(
      warning(
        'VTPM',
        'the contents of its virtual TPM are not carried over',
        'Suspend BitLocker, or have the recovery keys at hand, before the replica is started.',
      ),
    )
  if (server.secureBoot)
    findings.push(
      warning(
        'SECURE_BOOT',
        'Secure Boot is off in AWS, as the keys of its firmware are not carried over',
        'Check that the guest starts without Secure Boot.',
      ),
    )
  return findings
}

function ofDisk(disk: ServerDisk): Finding[] {
  const findings: Finding[] = []
  const refuse = (code: string, message: string, hint: string) =>
    findings.push({ ...refusal(code, `${disk.label} ${message}`, hint), diskKey: disk.key })
  if (disk.kind === 'rdmPhysical')
    refuse(
      'DISK_RDM_PHYSICAL',
      'is a physical raw device mapping, which snapshots leave out',
      'Change it to virtual compatibility mode, or move its data to a virtual disk.',
    )
  if (disk.mode.startsWith('independent'))
    refuse(
      'DISK_INDEPENDENT',
      `is independent (${disk.mode}), so snapshots leave it out`,
      'Change its mode to dependent.',
    )
  if (disk.sharing !== 'none')
    refuse(
      'DISK_SHARED',
      `is shared between servers (${disk.sharing}), which allows no snapshots`,
      'Replicate the cluster by the means of its application, or end the sharing.',
    )
  if (disk.encrypted)
    refuse(
      'DISK_ENCRYPTED',
      'is encrypted by vSphere',
      'Decrypt it by changing its storage policy; the copy in AWS can be encrypted with KMS.',
    )
  if (disk.sizeBytes >= snapshotLimitBytes)
    refuse(
      'DISK_TOO_LARGE',
      `has ${inTib(disk.sizeBytes)} TiB; AWS imports disks below 16 TiB`,
      'Divide it into smaller disks.',
    )
  return findings
}

function ofConversion(server: Server): Finding[] {
  const findings: Finding[] = []
  if (server.disks.length > convertedDisks)
    findings.push(
      refusal(
        'TOO_MANY_DISKS',
        `it has ${server.disks.length} disks; VM Import converts up to ${convertedDisks}`,
        'Choose the image method "registered".',
      ),
    )
  // Above 16 TiB the disk is refused already, whatever the method.
  for (const disk of server.disks)
    if (disk.sizeBytes >= convertedLimitBytes && disk.sizeBytes < snapshotLimitBytes)
      findings.push({
        ...refusal(
          'DISK_TOO_LARGE_TO_CONVERT',
          `${disk.label} has ${inTib(disk.sizeBytes)} TiB; VM Import converts disks below 8 TiB`,
          'Choose the image method "registered".',
        ),
        diskKey: disk.key,
      })
  // The guest id is what an admin once chose, not what is installed: reason to warn, not to refuse.
  if (deprecatedGuests.test(server.guestId) || is32Bit(server.guestId))
    findings.push(
      warning(
        'GUEST_DEPRECATED',
        `VM Import has deprecated the guest ${server.guestName} (${server.guestId})`,
        'Upgrade the guest, or choose the image method "registered".',
      ),
    )
  return findings
}

function ofRegistration(server: Server): Finding[] {
  const findings: Finding[] = []
  if (server.disks.length > registeredDisks)
    findings.push(
      warning(
        'MANY_DISKS',
        `it has ${server.disks.length} disks; most instance types attach up to ${registeredDisks}`,
        'Launch it on an instance type that attaches more.',
      ),
    )
  if (billedGuests.test(server.guestId))
    findings.push(
      warning(
        'LICENCE_NOT_BILLED',
        `an image of ${server.guestName} that is registered as it is carries no licence from AWS`,
        'Bring your own licence, or choose the image method "converted".',
      ),
    )
  if (is32Bit(server.guestId))
    findings.push(
      warning(
        'GUEST_32_BIT',
        `${server.guestName} (${server.guestId}) is a 32-bit guest; its image is registered as x86_64`,
        'Check that it has drivers for the instance type (NVMe and ENA).',
      ),
    )
  return findings
}

/** All 64-bit guest ids of vSphere hold "64", except those of ESXi itself. */
function is32Bit(guestId: string): boolean {
  return guestId !== '' && !guestId.includes('64') && !guestId.startsWith('vmkernel')
}

function inTib(bytes: number): string {
  return (bytes / tib).toFixed(1)
}

function refusal(code: string, message: string, hint: string): Finding {
  return { severity: 'refusal', code, message, hint }
}

function warning(code: string, message: string, hint: string): Finding {
  return { severity: 'warning', code, message, hint }
}
