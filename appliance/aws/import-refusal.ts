// VM Import's refusals: AWS's own text, and what the reader can do about each that is known.
import { ApplianceError } from '../errors.ts'
import { awsCode } from './aws-errors.ts'
import { roleMissing } from './registration.ts'

/** Texts of VM Import, from its user guide's troubleshooting and error pages, and what helps. */
const hints: [RegExp, string][] = [
  [
    /disk validation failed[\s\S]*(403|access ?denied|forbidden)/i,
    'The import role cannot read the bucket: give it the policy that the AWS settings offer for download.',
  ],
  [
    /disk validation failed/i,
    'AWS could not read the disk file: run again; if it comes back, download the log bundle.',
  ],
  [
    /unsupported kernel version/i,
    'The newest kernel in the guest is not on the list of VM Import: install one that is, or use the image method "registered".',
  ],
  [
    /no valid partitions/i,
    'AWS found no partition it knows on the first disk: check which disk boots, or use the image method "registered".',
  ],
  [
    /first ?boot ?failure/i,
    'The guest did not come up in AWS: check its network set-up (DHCP), free space, and that it restarts cleanly in vCenter.',
  ],
  [
    /unsupported ova format/i,
    'Often a missing KMS permission: allow the import role the use of the key (kms:CreateGrant, Decrypt, DescribeKey, Encrypt, GenerateDataKey*, ReEncrypt*).',
  ],
  [
    /bls|boot ?loader ?spec|default kernel/i,
    'GRUB in the guest names no default kernel: run grub2-mkconfig (or grubby --set-default) in it, and run again.',
  ],
  [/fstab/i, "The guest's /etc/fstab cannot be read or names devices that are gone: mount by UUID or LABEL."],
  [
    /initramfs|initrd/i,
    "The guest's initramfs cannot be read: rebuild it (dracut -f or update-initramfs -u), and run again.",
  ],
  [
    /unsupported (os|operating system)|(os|operating system)[\s\S]*not supported|unknown os|detect[\s\S]*operating system/i,
    'VM Import does not know this operating system, or no longer supports it: use the image method "registered".',
  ],
  [
    /boot ?mode|uefi/i,
    "The guest's boot mode does not suit: compare its firmware in vCenter with how its disk is partitioned.",
  ],
  [/kms|encrypt/i, 'Check that the KMS key is enabled and that its policy allows the connector and the import role.'],
  [/licen[cs]e/i, 'Choose another licence for this job: AWS gives licences for Windows Server only.'],
]

/** The error for a task that VM Import gave up, with AWS's text. `what` names the server and disk. */
export function importRefused(what: string, statusMessage: string | undefined, cause?: unknown): ApplianceError {
  const text = statusMessage === undefined || statusMessage === '' ? 'no reason was given' : statusMessage
  const hint = hints.find(([pattern]) => pattern.test(text))?.[1]
  return new ApplianceError('IMPORT_REFUSED', `VM Import refused ${what}: ${text}`, {
    cause,
    hint: hint ?? 'Look for AWS\'s text in the VM Import troubleshooting guide, or use the image method "registered".',
  })
}

/** What the call itself was refused with: the role has a code of its own, the rest stays what it is. */
export function refusedStart(thrown: unknown, roleName: string): unknown {
  const text = thrown instanceof Error ? thrown.message : ''
  const ofRole = awsCode(thrown) === 'InvalidParameter' && /service role/i.test(text)
  return ofRole ? roleMissing(roleName, thrown) : thrown
}
