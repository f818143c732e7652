// Does what a verb says: writes its file, and runs its program. Nothing of a verb ever becomes a path or a program.
import { ApplianceError } from '../errors.ts'
import { aptProxyFile, hostsFile, networkFile, sshRuleFile, timeFile, updatesFile } from './file-contents.ts'
import { forgetFindings } from './findings.ts'
import type { MachineFiles } from './machine-files.ts'
import { type MachineState, readMachineState } from './machine-state.ts'
import type { RunProgram } from './run-program.ts'
import type { Verb, VerbOf } from './verbs.ts'

export interface Performed {
  /** Goes into the answer. */
  result?: { version: string } | { state: MachineState }
  /** To be done when the answer has been sent. */
  afterwards?: () => Promise<void>
}

export interface Performer {
  files: MachineFiles
  run: RunProgram
  /** Verifies and unpacks a bundle out of the directory of uploads; the rest is done afterwards. */
  upgrade(file: string, signal: AbortSignal): Promise<{ version: string; afterwards: () => Promise<void> }>
}

const systemctl = '/usr/bin/systemctl'

/** @throws {ApplianceError} MACHINE_FAILED, and those of an upgrade */
export async function perform(verb: Verb, performer: Performer, signal: AbortSignal): Promise<Performed> {
  const { files } = performer
  const run = async (file: string, ...args: string[]) => {
    await performer.run(file, args, signal)
  }
  switch (verb.verb) {
    case 'network':
      await writeSettings(verb, files)
      await run('/usr/bin/networkctl', 'reload')
      await forgetFindings(files, /^(ipv[46]_|dns$)/)
      return {}
    case 'time':
      await writeSettings(verb, files)
      await run(systemctl, 'restart', 'systemd-timesyncd.service')
      await forgetFindings(files, /^ntp$/)
      return {}
    case 'hostname':
      await writeSettings(verb, files)
      // It reads the file: the name does not stand among its arguments.
      await run('/usr/bin/hostname', '--file', '/etc/hostname')
      await forgetFindings(files, /^hostname$/)
      return {}
    case 'proxy':
    case 'updates':
      await writeSettings(verb, files)
      return {}
    case 'state':
      return { result: { state: await readMachineState(files) } }
    case 'ssh':
      if (verb.enabled && !(await readMachineState(files)).sshKey) throw noKey()
      await switchSsh(verb.enabled, files, run)
      return {}
    case 'restart':
      await run(systemctl, '--no-block', ...(verb.what === 'service' ? ['restart', 'hoist.service'] : ['reboot']))
      return {}
    case 'reset':
      // Done before the service starts again: a power cut only brings that about sooner.
      await files.write('resetMark', '')
      await run(systemctl, '--no-block', 'reboot')
      return {}
    case 'upgrade': {
      const { version, afterwards } = await performer.upgrade(verb.file, signal)
      return { result: { version }, afterwards }
    }
  }
}

/** Verbs that stand in one file or two: the first boot writes them before anybody reads them. */
export type Settings = VerbOf<'network' | 'time' | 'hostname' | 'proxy' | 'updates'>

export async function writeSettings(verb: Settings, files: MachineFiles): Promise<void> {
  switch (verb.verb) {
    case 'network':
      return await files.write('network', networkFile(verb))
    case 'time':
      if (verb.servers.length === 0) return await files.remove('time')
      return await files.write('time', timeFile(verb.servers))
    case 'hostname':
      await files.write('hosts', hostsFile(verb.name))
      return await files.write('hostname', `${verb.name}\n`)
    case 'proxy':
      if (verb.url === undefined) return await files.remove('aptProxy')
      return await files.write('aptProxy', aptProxyFile(verb.url, verb.username, verb.password))
    case 'updates':
      return await files.write('updates', updatesFile(verb.enabled))
  }
}

/** A door that is open for nobody is open for whoever looks for holes. */
function noKey(): ApplianceError {
  return new ApplianceError('SSH_KEY_MISSING', 'Nobody could sign in by SSH: there is no public key.', {
    hint: 'Only a deployment brings one: deploy the appliance with the property ssh_key.',
  })
}

type Run = (file: string, ...args: string[]) => Promise<void>

/** The door opens last, and closes first. */
async function switchSsh(enabled: boolean, files: MachineFiles, run: Run): Promise<void> {
  const reload = () => run(systemctl, 'reload', 'nftables.service')
  if (enabled) {
    await run(systemctl, 'enable', '--now', 'ssh.service')
    await files.write('sshRule', sshRuleFile())
    await reload()
  } else {
    await files.remove('sshRule')
    await reload()
    await run(systemctl, 'disable', '--now', 'ssh.service')
  }
}
