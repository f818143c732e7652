// The first boot: what the deployment has set, and keys that only this machine has. A power cut makes the next boot the first.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toApplianceError } from '../errors.ts'
import { type DeploymentProperties, readDeployment } from './deployment-properties.ts'
import { networkFile } from './file-contents.ts'
import { type Finding, writeFindings } from './findings.ts'
import { areFound, areUnread, propertiesOnce } from './kept-properties.ts'
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

/**
 * Nothing that was filled in wrongly stops it.
 * @throws {ApplianceError} MACHINE_FAILED; what the files of the machine end with
 */
export async function firstBoot(ground: FirstBootGround, signal: AbortSignal): Promise<void> {
  const { files } = ground
  // One that is cut off is done again, unless only its mark is missing: what was kept has none of the findings of its reading.
  if (!((await areFound(files)) && (await files.exists('findings')))) await wholeFirstBoot(ground, signal)
  await files.write('firstBootDone', '')
}

async function wholeFirstBoot(ground: FirstBootGround, signal: AbortSignal): Promise<void> {
  const { root, files, run } = ground
  const { properties, findings, keep } = await propertiesOnce(ground, signal)
  const wanted = readDeployment(properties)
  findings.push(...(await setUp(wanted, ground, signal)))
  // The image's own name: one that nobody has set is not shown as if somebody had.
  if (!wanted.verbs.some(({ verb }) => verb === 'hostname')) await files.remove('hostname')

  await removeHostKeys(ground.sshDir)
  await run('/usr/bin/ssh-keygen', ['-A', ...(root === '/' ? [] : ['-f', root])], signal)
  // The host keys were not written by us.
  await run('/usr/bin/sync', [], signal)

  // When all else is done.
  await tell(findings, ground)
  await keep()
}

/**
 * What the first boot could not read is asked for again at each boot until it is known. Then network and name are set, each
 * only where nobody has set it meanwhile: its file is never removed.
 * @throws {ApplianceError} MACHINE_FAILED; what the files of the machine end with
 */
export async function laterBoot(ground: FirstBootGround, signal: AbortSignal): Promise<void> {
  const { files } = ground
  if (!(await areUnread(files))) return
  const { properties, findings, keep } = await propertiesOnce(ground, signal)
  const wanted = readDeployment(properties)
  const network = wanted.verbs.find(verb => verb.verb === 'network')
  const theirs = new Set<string>()
  if (await files.exists('hostname')) theirs.add('hostname')
  const written = await files.read('network')
  // Ours is of a boot that was cut off.
  if (written !== undefined && (!network || written !== networkFile(network))) theirs.add('network')
  const verbs = wanted.verbs.filter(({ verb }) => !theirs.has(verb))
  // They say what holds instead.
  const flaws = wanted.findings.filter(({ about }) => !theirs.has(/^(ipv|dns)/.test(about) ? 'network' : about))
  findings.push(...(await setUp({ ...wanted, verbs, findings: flaws }, ground, signal)))
  await tell(findings, ground)
  // Last: what a power cut ends is done again, where the machine still has what it had.
  await keep()
}

/** Gives what was not taken. */
async function setUp(wanted: DeploymentProperties, ground: FirstBootGround, signal: AbortSignal): Promise<Finding[]> {
  const { files, run, dataDir, user, say } = ground
  const { verbs, sshKey, deployment, findings, unknown } = wanted
  for (const key of unknown) say(`a property of the deployment is unknown: ${/^[\w.-]{1,64}$/.test(key) ? key : '?'}`)

  const all = [...findings]
  if (Object.keys(deployment).length > 0)
    await writeForService(join(dataDir, 'deployment.json'), Buffer.from(JSON.stringify(deployment)), 0o600, user).catch(
      (thrown: unknown) => {
        // A data disk of before may be full.
        all.push({ about: 'deployment', text: 'The service was not told setup code and proxy: see the journal.' })
        say(toApplianceError(thrown).message)
      },
    )
  for (const verb of verbs) await writeSettings(verb, files)
  if (verbs.some(({ verb }) => verb === 'hostname')) await run('/usr/bin/hostname', ['--file', '/etc/hostname'], signal)
  // The only way to a key: ADR 0006.
  if (sshKey !== undefined) await files.write('sshKeys', `${sshKey}\n`)
  return all
}

async function tell(findings: readonly Finding[], { files, say }: FirstBootGround): Promise<void> {
  for (const { about, text } of findings) say(`${about}: ${text}`)
  await writeFindings(files, findings)
}

/** Of an image, of a first boot that was cut off, or of before a factory reset. */
export async function removeHostKeys(sshDir: string): Promise<void> {
  for (const name of await readdir(sshDir)) if (name.startsWith('ssh_host_')) await rm(join(sshDir, name))
}
