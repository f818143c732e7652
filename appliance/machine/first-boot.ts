// The first boot: what the deployment has set, and keys that only this machine has. A power cut makes the next boot the first.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toApplianceError } from '../errors.ts'
import { readDeployment } from './deployment-properties.ts'
import { writeFindings } from './findings.ts'
import { propertiesOnce } from './kept-properties.ts'
import type { MachineFiles } from './machine-files.ts'
import { writeSettings } from './perform.ts'
import type { RunProgram } from './run-program.ts'
import { type ServiceUser, writeForService } from './service-user.ts'

export interface FirstBootGround {
  root: string
  files: MachineFiles
  run: RunProgram
  /** Mounted. */
  dataDir: string
  /** Where the host keys of SSH are. */
  sshDir: string
  user: ServiceUser
  say(text: string): void
}

/** Nothing that was filled in wrongly stops it. */
export async function firstBoot(ground: FirstBootGround, signal: AbortSignal): Promise<void> {
  const { root, files, run, dataDir, user, say } = ground
  const { properties, unreadable } = await propertiesOnce(ground, signal)
  const { verbs, sshKey, deployment, findings, unknown } = readDeployment(properties)
  for (const key of unknown) say(`a property of the deployment is unknown: ${/^[\w.-]{1,64}$/.test(key) ? key : '?'}`)

  for (const verb of verbs) await writeSettings(verb, files)
  if (verbs.some(({ verb }) => verb === 'hostname')) await run('/usr/bin/hostname', ['--file', '/etc/hostname'], signal)
  // The image's own name: one that nobody has set is not shown as if somebody had.
  else await files.remove('hostname')
  // The only way to a key: ADR 0006.
  if (sshKey !== undefined) await files.write('sshKeys', `${sshKey}\n`)
  if (Object.keys(deployment).length > 0)
    await writeForService(join(dataDir, 'deployment.json'), Buffer.from(JSON.stringify(deployment)), 0o600, user).catch(
      (thrown: unknown) => {
        // A data disk of before may be full.
        findings.push({ about: 'deployment', text: 'The service was not told setup code and proxy: see the journal.' })
        say(toApplianceError(thrown).message)
      },
    )

  await removeHostKeys(ground.sshDir)
  await run('/usr/bin/ssh-keygen', ['-A', ...(root === '/' ? [] : ['-f', root])], signal)

  const all = [...unreadable.map(text => ({ about: 'deployment', text })), ...findings]
  for (const { about, text } of all) say(`${about}: ${text}`)
  await writeFindings(files, all)
  // The host keys were not written by us.
  await run('/usr/bin/sync', [], signal)
  await files.write('firstBootDone', '')
}

/** Of an image, of a first boot that was cut off, or of before a factory reset. */
export async function removeHostKeys(sshDir: string): Promise<void> {
  for (const name of await readdir(sshDir)) if (name.startsWith('ssh_host_')) await rm(join(sshDir, name))
}
