// The rest of a factory reset, at the next start and before the service: the machine is as it was deployed.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MachineFiles } from './machine-files.ts'
import type { RunProgram } from './run-program.ts'

export interface ResetGround {
  files: MachineFiles
  run: RunProgram
  /** Mounted, and emptied. */
  dataDir: string
  /** Where the host keys of SSH are. */
  sshDir: string
}

/** Nothing without its mark. The mark goes last: a reset that a power cut ends is done again, from the beginning. */
export async function finishFactoryReset(ground: ResetGround, signal: AbortSignal): Promise<boolean> {
  const { files, run, dataDir, sshDir } = ground
  if (!(await files.exists('resetMark'))) return false
  // Links are removed, not followed.
  for (const name of await readdir(dataDir)) await rm(join(dataDir, name), { recursive: true, force: true })
  for (const name of await readdir(sshDir)) if (name.startsWith('ssh_host_')) await rm(join(sshDir, name))
  for (const file of ['network', 'time', 'aptProxy', 'sshRule', 'hostname', 'hosts'] as const) await files.remove(file)
  await run('/usr/bin/systemctl', ['disable', 'ssh.service'], signal)
  await files.remove('firstBootDone')
  await files.remove('resetMark')
  return true
}
