// Security updates that are installed, but take effect only when the machine is restarted: nobody restarts it by itself.
import { lstat, readFile, readlink } from 'node:fs/promises'
import { release } from 'node:os'
import { join } from 'node:path'
import { ignoreMissing } from '../missing-file.ts'
import { isApplianceImage } from './appliance-image.ts'
import { type Check, type Finding, success, warning } from './check.ts'

export interface RestartOptions {
  /** The directory that the whole system lies in. */
  root: string
  /** The kernel that runs, as `uname -r` names it. */
  kernel?: string
}

/**
 * Made at each installation of a kernel, also one of the same name, by /etc/kernel/postinst.d/unattended-upgrades of Debian's
 * package unattended-upgrades, which adds the package's name to the second; gone after a restart, as /run is memory. The
 * sandbox of the service hides neither: ProtectSystem=strict leaves /run to be read, and no InaccessiblePaths= covers it.
 */
const requiredFile = 'run/reboot-required'
const packagesFile = 'run/reboot-required.pkgs'
/**
 * Debian's link to the newest kernel, boot/vmlinuz-VERSION, which the boot loader starts. The service sees the link, which lies
 * in /, but not /boot: it is read, never followed.
 */
const kernelLink = 'vmlinuz'
const shownPackages = 5

export function restartCheck(options: RestartOptions): Check {
  return {
    ...{ id: 'appliance.restart', group: 'appliance', title: 'Restart for security updates' },
    run: async () => await restartFinding(options),
  }
}

async function restartFinding({ root, kernel = release() }: RestartOptions): Promise<Finding> {
  const installed = await nextKernel(root)
  const fix =
    'Restart the machine on the page Settings, Appliance, or on its console, when no run is under way. Runs that are go on afterwards.'
  if (installed !== undefined && installed !== kernel)
    return warning(`Security updates wait for a restart: kernel ${kernel} runs, ${installed} is installed.`, fix)
  if ((await lstat(join(root, requiredFile)).catch(ignoreMissing)) === undefined) return success('Not needed.')
  const packages = await waitingPackages(root)
  return warning(`Security updates wait for a restart${packages.length === 0 ? '' : `: ${packages.join(', ')}`}.`, fix)
}

/** Of the appliance's image only: elsewhere, in a container for one, the kernel that runs need not be the link's. */
async function nextKernel(root: string): Promise<string | undefined> {
  if (!(await isApplianceImage(root))) return undefined
  const target = await readlink(join(root, kernelLink)).catch(ignoreMissing)
  return target === undefined ? undefined : /(?:^|\/)vmlinuz-([\w.+~-]+)$/.exec(target)?.[1]
}

/** Names of packages. Source: Debian Policy, 5.6.7 */
async function waitingPackages(root: string): Promise<string[]> {
  // The list is decoration: that a restart is needed is known without it.
  const text = await readFile(join(root, packagesFile), 'utf8').catch(() => '')
  return [...new Set(text.split('\n'))].filter(name => /^[a-z0-9][a-z0-9+.-]+$/.test(name)).slice(0, shownPackages)
}
