// The rest of a factory reset, at the next start and before anything else: the machine is as it was deployed.
import { hostsFile } from './file-contents.ts'
import { removeHostKeys } from './first-boot.ts'
import { settleKept } from './kept-properties.ts'
import type { MachineFile, MachineFiles } from './machine-files.ts'
import { writeSettings } from './perform.ts'
import type { RunProgram } from './run-program.ts'

export interface ResetGround {
  files: MachineFiles
  run: RunProgram
  /** Mounted, and emptied. */
  dataDir: string
  /** Where the host keys of SSH are. */
  sshDir: string
}

const remove = ['/usr/bin/rm', '-rf', '--']

/** Not what the deployment has set, but its setup code: the next first boot takes it again, and from nowhere else. */
const forgotten: readonly MachineFile[] = ['network', 'time', 'aptProxy', 'hostname', 'sshRule', 'sshKeys', 'findings']

/**
 * Nothing without its mark. The mark goes last: a reset that a power cut ends is done again, from the beginning. The
 * machine's id stays: DHCPv6 knows the machine by it, and it says nothing about who had it.
 */
export async function finishFactoryReset(ground: ResetGround, signal: AbortSignal): Promise<boolean> {
  const { files, run, dataDir, sshDir } = ground
  if (!(await files.exists('resetMark'))) return false
  // The key that was sealed to the TPM is among it. Links are removed, not followed. Names and depth are the service's to
  // choose: find and rm take names that are no text, and trees that are deeper than any path may be long.
  await run('/usr/bin/find', [dataDir, '-mindepth', '1', '-maxdepth', '1', '-exec', ...remove, '{}', '+'], signal)
  await removeHostKeys(sshDir)
  // It has opened this appliance once, and whoever knows it could do so again: the machine makes one of its own. Before the key
  // for SSH is removed, which may have to be kept.
  await settleKept(files)
  for (const file of forgotten) await files.remove(file)
  // As the image has them.
  await files.write('hosts', hostsFile('hoist'))
  await writeSettings({ verb: 'updates', enabled: true }, files)
  // Both may be in this boot's queue already, which is not waited for: they would wait for this to end.
  await run('/usr/bin/systemctl', ['--no-block', 'disable', '--now', 'ssh.service'], signal)
  await run('/usr/bin/systemctl', ['--no-block', 'try-reload-or-restart', 'nftables.service'], signal)
  // Names and addresses of the former owner's site.
  await run('/usr/bin/journalctl', ['--rotate', '--vacuum-time=1s'], signal)
  await files.remove('firstBootDone')
  await files.remove('resetMark')
  return true
}
