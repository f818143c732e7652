// Where the properties of a deployment come from: guestinfo of VMware, a CD-ROM, or, in a test only, the firmware of qemu.
import { mkdir, readdir, readFile, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { toApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { listBlockDevices } from './block-devices.ts'
import { maxEnvironmentBytes, parseOvfEnvironment } from './ovf-environment.ts'
import type { RunProgram } from './run-program.ts'
import { readHead } from './service-user.ts'

export interface SourceGround {
  /** `/`, or a directory of a test. */
  root: string
  run: RunProgram
  /** For the journal. */
  say(text: string): void
}

export interface FoundProperties {
  properties: Map<string, string[]>
  /** Sources that had something which cannot be read, and why. */
  unreadable: string[]
}

type Source = (ground: SourceGround, signal: AbortSignal) => Promise<Uint8Array | undefined>

const sources: readonly [name: string, read: Source][] = [
  ['guestinfo', guestinfo],
  ['the CD-ROM', cdRom],
  ['fw_cfg', firmware],
]

/** Of the first source that has an OVF environment; none when no source has. */
export async function findProperties(ground: SourceGround, signal: AbortSignal): Promise<FoundProperties> {
  const unreadable: string[] = []
  for (const [name, read] of sources) {
    const bytes = await read(ground, signal)
    if (bytes === undefined) continue
    try {
      const properties = parseOvfEnvironment(bytes)
      ground.say(`properties of the deployment: ${properties.size} from ${name}`)
      return { properties, unreadable }
    } catch (thrown) {
      unreadable.push(`From ${name}: ${toApplianceError(thrown).message}`)
    }
  }
  return { properties: new Map(), unreadable }
}

async function guestinfo({ root, run, say }: SourceGround, signal: AbortSignal): Promise<Uint8Array | undefined> {
  if (!(await isVmware(root))) return undefined
  try {
    return Buffer.from(await run('/usr/bin/vmware-rpctool', ['info-get guestinfo.ovfEnv'], signal))
  } catch {
    signal.throwIfAborted()
    say('guestinfo has no properties') // Why is of no use: "No value found" is how it says that it has none.
    return undefined
  }
}

async function cdRom(ground: SourceGround, signal: AbortSignal): Promise<Uint8Array | undefined> {
  const { root, run } = ground
  const drives = (await listBlockDevices(run, signal)).filter(({ kind }) => kind === 'rom')
  const place = join(root, 'run/hoist-cdrom')
  for (const { path } of drives) {
    await mkdir(place, { recursive: true, mode: 0o700 })
    try {
      const options = ['--types', 'iso9660', '--options', 'ro,nodev,nosuid,noexec', path, place]
      await run('/usr/bin/mount', options, signal)
    } catch {
      signal.throwIfAborted()
      continue // Empty, or with a disc that is no ISO 9660.
    }
    try {
      const bytes = await readOnDisc(place)
      if (bytes) return bytes
    } finally {
      await run('/usr/bin/umount', [place], AbortSignal.timeout(30_000))
      await rmdir(place)
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
