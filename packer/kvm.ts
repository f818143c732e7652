// Whether this machine's KVM can be relied upon.

import { access, constants, readFile } from 'node:fs/promises'

/** Only where the processor has it too: in some sandboxes /dev/kvm opens, and guests crawl or abort. */
export async function kvmWorks(cpuinfo = '/proc/cpuinfo', device = '/dev/kvm'): Promise<boolean> {
  if (!/\b(vmx|svm)\b/.test(await readFile(cpuinfo, 'utf8'))) return false
  try {
    await access(device, constants.W_OK)
    return true
  } catch {
    return false // no KVM for us: emulate
  }
}
