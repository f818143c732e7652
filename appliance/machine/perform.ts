// Does what a verb says: writes its file, and runs its program. Nothing of a verb ever becomes a path or a program.
import { aptProxyFile, hostsFile, networkFile, sshRuleFile, timeFile } from './file-contents.ts'
import type { MachineFiles } from './machine-files.ts'
import type { RunProgram } from './run-program.ts'
import type { Verb, VerbOf } from './verbs.ts'

export interface Performed {
  /** Goes into the answer. */
  result?: { version: string }
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
      await files.write('network', networkFile(verb))
      await run('/usr/bin/networkctl', 'reload')
      return {}
    case 'time':
      if (verb.servers.length === 0) await files.remove('time')
      else await files.write('time', timeFile(verb.servers))
      await run(systemctl, 'restart', 'systemd-timesyncd.service')
      return {}
    case 'hostname':
      await files.write('hosts', hostsFile(verb.name))
      await files.write('hostname', `${verb.name}\n`)
      // It reads the file: the name does not stand among its arguments.
      await run('/usr/bin/hostname', '--file', '/etc/hostname')
      return {}
    case 'ssh':
      await switchSsh(verb.enabled, files, run)
      return {}
    case 'proxy':
      await writeProxy(verb, files)
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

async function writeProxy({ url, username, password }: VerbOf<'proxy'>, files: MachineFiles): Promise<void> {
  if (url === undefined) await files.remove('aptProxy')
  else await files.write('aptProxy', aptProxyFile(url, username, password))
}
