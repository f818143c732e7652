// Where the properties of a deployment come from: guestinfo of VMware, a CD-ROM, or, in a test only, the firmware of qemu.
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { toApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { listBlockDevices } from './block-devices.ts'
import { maxEnvironmentBytes, parseOvfEnvironment } from './ovf-environment.ts'
import {
  exitStatusOf,
  hasTooMuchOutput,
  isMissingProgram,
  maxOutputBytes,
  type RunProgram,
  standardErrorOf,
} from './run-program.ts'
import { readHead } from './service-user.ts'

export interface SourceGround {
  /** `/`, or a directory of a test. */
  root: string
  run: RunProgram
  /** For the journal. */
  say(text: string): void
  /** For tests: how long a program that asks the hypervisor may take. */
  answerWithinMs?: number
}

export interface FoundProperties {
  /** Undefined when no source has an OVF environment; one without properties is one. */
  properties: Map<string, string[]> | undefined
  /** Sources that may have something which could not be read, and why: without a value. */
  unreadable: string[]
}

type Source = (ground: SourceGround, signal: AbortSignal) => Promise<Uint8Array | undefined>

const sources: readonly [name: string, read: Source][] = [
  ['guestinfo', guestinfo],
  ['the CD-ROM', cdRom],
  ['fw_cfg', firmware],
]

/** Of the first source that has an OVF environment. No source stops the others. */
export async function findProperties(ground: SourceGround, signal: AbortSignal): Promise<FoundProperties> {
  const unreadable: string[] = []
  for (const [name, read] of sources) {
    try {
      const bytes = await read(ground, signal)
      if (bytes === undefined) continue
      const properties = parseOvfEnvironment(bytes)
      ground.say(`properties of the deployment: ${properties.size} from ${name}`)
      return { properties, unreadable }
    } catch (thrown) {
      signal.throwIfAborted()
      unreadable.push(`From ${name}: ${thrown instanceof Error ? thrown.message : thrown}`)
    }
  }
  return { properties: undefined, unreadable }
}

/**
 * Both programs send the same words to the hypervisor; the second is asked where the first fails, as cloud-init does. Source:
 * rpctool.c and cmdLine.c of open-vm-tools; DataSourceOVF.py and DataSourceVMware.py of cloud-init.
 */
const askers: readonly (readonly [file: string, ...args: string[]])[] = [
  ['/usr/bin/vmware-rpctool', 'info-get guestinfo.ovfEnv'],
  ['/usr/bin/vmtoolsd', '--cmd', 'info-get guestinfo.ovfEnv'],
]

/** @throws {Error} when no program could tell, with why */
async function guestinfo(ground: SourceGround, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { root, run, say, answerWithinMs = 10_000 } = ground
  if (!(await isVmware(root))) return undefined
  const failures: string[] = []
  for (const [file, ...args] of askers) {
    try {
      const value = await valueIn(run(file, args, within(answerWithinMs, signal)))
      if (value?.trim()) return Buffer.from(value)
      say(value === undefined ? 'guestinfo has no properties' : 'guestinfo has an empty value, which counts as none')
      return undefined
    } catch (thrown) {
      signal.throwIfAborted()
      if (!isMissingProgram(thrown)) failures.push(`${basename(file)} ${howItFailed(thrown, answerWithinMs)}`)
    }
  }
  if (failures.length === 0) return undefined
  throw new Error(`${failures.join(', and ')}.`)
}

/** The hypervisor's own words for what nobody has set. */
const noValue = 'No value found'

/** Undefined when there is none. The same words as output are a value: anybody may set it. @throws whatever else the program ends with */
async function valueIn(answer: Promise<string>): Promise<string | undefined> {
  try {
    return await answer
  } catch (thrown) {
    // On a line of its own: a library may have warned before.
    if (exitStatusOf(thrown) === 1 && standardErrorOf(thrown).split('\n').includes(noValue)) return undefined
    throw thrown
  }
}

/** Nothing of what it has written, which may be a value. */
function howItFailed(thrown: unknown, withinMs: number): string {
  if (isTimeout(thrown)) return `gave no answer within ${withinMs / 1000} seconds`
  if (hasTooMuchOutput(thrown)) return `has more than ${maxOutputBytes} bytes`
  const status = exitStatusOf(thrown)
  return status === undefined ? 'could not be run to its end' : `ended with status ${status}`
}

async function cdRom(ground: SourceGround, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { root, run, say } = ground
  const drives = (await listBlockDevices(run, signal)).filter(({ kind }) => kind === 'rom')
  const place = join(root, 'run/hoist-cdrom')
  // What was read counts, whatever becomes of the disc.
  const letGo = async () => {
    await run('/usr/bin/umount', [place], AbortSignal.timeout(30_000))
    await rmdir(place)
  }
  const tryToLetGo = () =>
    letGo().catch((thrown: unknown) => say(`the CD-ROM stays mounted: ${toApplianceError(thrown).message}`))
  for (const { path } of drives) {
    await mkdir(place, { recursive: true, mode: 0o700 })
    try {
      const options = ['--types', 'iso9660', '--options', 'ro,nodev,nosuid,noexec', path, place]
      await run('/usr/bin/mount', options, within(30_000, signal))
    } catch (thrown) {
      signal.throwIfAborted()
      if (isTimeout(thrown)) {
        // It may have been, at the last moment.
        await tryToLetGo()
        throw new Error('it could not be mounted within 30 seconds.')
      }
      continue // Empty, or with a disc that is no ISO 9660.
    }
    try {
      const bytes = await readOnDisc(place)
      if (bytes) return bytes
    } finally {
      await tryToLetGo()
    }
  }
  return undefined
}

/** As it is named by the standard, or without the extensions of ISO 9660 that it asks for. */
const names = /^ovf[-_]env\.xml$/i

async function readOnDisc(place: string): Promise<Uint8Array | undefined> {
  const name = (await readdir(place)).find(candidate => names.test(candidate))
  if (name === undefined) return undefined
  // One byte more than allowed: what is too long is refused as that.
  return await readHead(join(place, name), maxEnvironmentBytes + 1)
}

async function firmware({ root, run }: SourceGround, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (await isVmware(root)) return undefined
  // Not there on other machines, which is what the next line sees.
  await run('/usr/sbin/modprobe', ['qemu_fw_cfg'], signal).catch(() => signal.throwIfAborted())
  const entry = (name: string) =>
    readFile(join(root, 'sys/firmware/qemu_fw_cfg/by_name', name, 'raw')).catch(ignoreMissing)
  // Whoever runs the machine in qemu for other reasons may have an entry of that name, too: the tests say who they are.
  if ((await entry('opt/hoist/test'))?.toString('latin1').trim() !== '1') return undefined
  return await entry('opt/guestinfo.ovfEnv')
}

async function isVmware(root: string): Promise<boolean> {
  const vendor = await readFile(join(root, 'sys/class/dmi/id/sys_vendor'), 'utf8').catch(ignoreMissing)
  return vendor?.startsWith('VMware') === true
}

function within(ms: number, signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)])
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'TimeoutError'
}
