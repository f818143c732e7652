// A virtual machine in qemu, with the hardware that the OVA asks for: started, spoken to, shut down, or cut off.
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { acceleration, uefi } from '../lab/guests/boot.ts'
import { ensureTools } from '../lab/tools.ts'
import { consoleScreen, plainText } from './console-text.ts'
import { keysOf } from './keys.ts'
import { Qmp } from './qmp.ts'
import { startTpm } from './software-tpm.ts'

export interface VmOptions {
  /** qcow2 files, the first of which is booted from. */
  disks: readonly string[]
  firmware: 'bios' | 'uefi'
  /** What vSphere gives it, or what any hypervisor has. */
  devices: 'vmware' | 'virtio'
  /** A firmware in one file, in the place of Debian's OVMF. */
  firmwareFile?: string
  /** In the CD-ROM drive. */
  iso?: string
  /** Name and file of fw_cfg entries. */
  fwCfg?: Readonly<Record<string, string>>
  /** The guest's address behind the forwarded ports; that which qemu's DHCP server gives. */
  address?: string
  memoryMiB?: number
  /** False: it has no serial line, as a machine of the OVA. */
  serial?: boolean
  /** Directory with the state of a TPM 2.0, as vSphere gives it (CRB); an empty one is a new TPM. */
  tpm?: string
  onSerial?(text: string): void
}

/** Of a VGA in text mode; the screen is a part of it, which moves on as lines are scrolled. */
const textMemoryBytes = 0x8000

/** Of this machine's loopback, where the guest's ports are reached. */
export type Ports = Record<(typeof guestPorts)[number], number>

/** The last is one that the appliance has no use for. */
const guestPorts = [443, 80, 22, 8080] as const
const startMs = 60_000
/** Enough for a console that redraws itself every second for minutes. */
const serialCharacters = 1_000_000

export class VmError extends Error {}

interface Output {
  serial: string
  messages: string
}

export class Vm implements AsyncDisposable {
  readonly ports: Ports
  readonly qmp: Qmp
  readonly #child: ChildProcessWithoutNullStreams
  readonly #directory: string
  readonly #output: Output
  readonly #ended: Promise<unknown>
  readonly startedAtMs = performance.now()

  private constructor(
    child: ChildProcessWithoutNullStreams,
    directory: string,
    output: Output,
    ended: Promise<unknown>,
    qmp: Qmp,
    ports: Ports,
  ) {
    this.#child = child
    this.#directory = directory
    this.#output = output
    this.#ended = ended
    this.qmp = qmp
    this.ports = ports
  }

  /** Nothing outlives this process, whatever its end. */
  static async start(options: VmOptions): Promise<Vm> {
    await ensureTools(['boot'])
    const directory = await mkdtemp(join(tmpdir(), 'hoist-vm-'))
    const socket = join(directory, 'qmp')
    const args = [...(await hardware(options)), '-qmp', `unix:${socket},server=on,wait=off`]
    const tpm = options.tpm === undefined ? undefined : await startTpm(options.tpm, directory)
    const words = ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args, ...(tpm?.args ?? [])]
    const child = spawn('setpriv', words, { stdio: 'pipe' })
    const output = { serial: '', messages: '' }
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output.serial = (output.serial + text).slice(-serialCharacters)
      options.onSerial?.(text)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      // Said of every connection to a guest that has no address yet.
      const worth = text.replace(/^.*Slirp: Failed to send packet.*\n?/gm, '')
      output.messages = (output.messages + worth).slice(-4096)
    })
    child.stdin.on('error', () => undefined) // a machine that is gone reads nothing
    const ended = once(child, 'close').then(() => tpm?.stop())
    try {
      const early = ended.then(() => {
        throw new VmError(`qemu did not start: ${output.messages}`)
      })
      const opening = Qmp.open(socket, AbortSignal.timeout(startMs))
      const qmp = await Promise.race([opening, early])
      early.catch(() => undefined) // from now on whoever waits for something tells it
      return new Vm(child, directory, output, ended, qmp, portsIn(await qmp.human('info usernet')))
    } catch (error) {
      child.kill('SIGKILL')
      await rm(directory, { recursive: true, force: true })
      throw error
    }
  }

  /** All that came over the serial line, its newest million characters. */
  get serial(): string {
    return this.#output.serial
  }

  get seconds(): number {
    return (performance.now() - this.startedAtMs) / 1000
  }

  get runs(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /**
   * Asks until there is an answer.
   * @throws VmError with the end of the serial line's text when the time is up or the machine is gone
   */
  async until<T>(what: string, timeoutMs: number, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const startedAtMs = performance.now()
    for (;;) {
      const found = await ask()
      if (found !== undefined) return found
      const why = this.runs ? (performance.now() - startedAtMs > timeoutMs ? 'too late' : '') : 'qemu has ended'
      if (why !== '') {
        throw new VmError(
          `${what}: ${why}, ${this.#output.messages}; the serial line's end:\n${plainText(this.serial.slice(-6000))}`,
        )
      }
      await new Promise(resolve => setTimeout(resolve, 500))
    }
  }

  /** Types on the serial line. */
  write(text: string): void {
    this.#child.stdin.write(text)
  }

  /** Types on the keyboard, which tty1 reads. */
  async type(text: string): Promise<void> {
    for (const key of keysOf(text)) await this.qmp.human(`sendkey ${key}`)
  }

  /** The console's characters, 80 a line, while the screen is in the text mode of a VGA. */
  async screenText(): Promise<string> {
    const file = join(this.#directory, 'screen')
    await this.qmp.command('pmemsave', { val: 0xb8000, size: textMemoryBytes, filename: file })
    return consoleScreen(await readFile(file))
  }

  /** The longest line of pixels that are not black, in any mode of the screen: a bar behind text is longer than any letter. */
  async longestBar(): Promise<number> {
    const file = join(this.#directory, 'screen.ppm')
    await this.qmp.command('screendump', { filename: file })
    const ppm = await readFile(file)
    // "P6", width and height, 255: three lines, then three bytes a pixel.
    const [header, width] = /^P6\s+(\d+)\s+\d+\s+255\s/.exec(ppm.subarray(0, 64).toString('latin1')) ?? []
    if (header === undefined) throw new VmError('the screen gives no PPM')
    let [run, longest] = [0, 0]
    for (let at = header.length, pixel = 0; at + 2 < ppm.length; at += 3, pixel++) {
      const lit = ppm[at] || ppm[at + 1] || ppm[at + 2]
      run = lit ? (pixel % Number(width) === 0 ? 1 : run + 1) : 0
      longest = Math.max(longest, run)
    }
    return longest
  }

  /** While it runs, at the controller that vSphere's machines have. */
  async attachDisk(file: string): Promise<void> {
    const made = await this.qmp.human(`drive_add 0 id=attached,if=none,format=qcow2,cache=writeback,file=${file}`)
    if (made.trim() !== 'OK') throw new VmError(`the disk is not attached: ${made}`)
    await this.qmp.command('device_add', { driver: 'scsi-hd', bus: 'scsi.0', drive: 'attached', id: 'attached' })
  }

  /** Presses the power button and waits until the guest has switched itself off. */
  async shutDown(timeoutMs: number): Promise<void> {
    await this.qmp.command('system_powerdown')
    const late = new Promise<'late'>(resolve => setTimeout(() => resolve('late'), timeoutMs).unref())
    const first = await Promise.race([this.#ended, late])
    if (first === 'late')
      throw new VmError(`it did not switch itself off; the serial line's end:\n${this.serial.slice(-2000)}`)
    await this.cut()
  }

  /** The power goes away. */
  async cut(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
    this.qmp.close()
    await rm(this.#directory, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cut()
  }
}

async function hardware(options: VmOptions): Promise<string[]> {
  const { disks, firmware, devices, firmwareFile, iso, fwCfg = {}, address = '10.0.2.15', memoryMiB = 4096 } = options
  const serial = options.serial === false ? 'none' : 'stdio'
  const forwards = guestPorts.map(port => `hostfwd=tcp:127.0.0.1:0-${address}:${port}`).join(',')
  const network = devices === 'vmware' ? 'vmxnet3' : 'virtio-net-pci'
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-vga', 'std', '-serial', serial, '-rtc', 'base=utc'],
    // As under vSphere, a CD-ROM is at IDE there: the kernel has no driver for the AHCI of a q35.
    ...['-machine', firmware === 'uefi' && devices === 'virtio' ? 'q35' : 'pc', '-smp', '2', '-m', `${memoryMiB}`],
    ...(devices === 'vmware' ? asUnderVmware(await acceleration()) : await acceleration()),
    ...(firmwareFile !== undefined ? ['-bios', firmwareFile] : firmware === 'uefi' ? uefi() : []),
    ...(devices === 'vmware' ? ['-device', 'pvscsi,id=scsi'] : []),
    ...disks.flatMap((file, index) => [
      ...['-drive', `id=disk${index},if=none,format=qcow2,cache=writeback,file=${file}`, '-device'],
      `${devices === 'vmware' ? 'scsi-hd,bus=scsi.0' : 'virtio-blk-pci'},drive=disk${index},bootindex=${index + 1}`,
    ]),
    ...['-netdev', `user,id=net,${forwards}`, '-device', `${network},netdev=net`],
    ...(iso === undefined ? [] : ['-drive', `if=ide,media=cdrom,readonly=on,format=raw,file=${iso}`]),
    ...Object.entries(fwCfg).flatMap(([name, file]) => ['-fw_cfg', `name=${name},file=${file}`]),
  ]
}

/**
 * systemd takes it for VMware, so that VMware Tools start; qemu's `vmport` answers their first question, and none of the others.
 * Source: systemd-detect-virt(1), which looks at CPUID before it looks at the machine's vendor.
 */
function asUnderVmware(acceleration: readonly string[]): string[] {
  const words = acceleration.map((word, at) => (acceleration[at - 1] === '-cpu' ? `${word},-hypervisor` : word))
  return [...words, '-smbios', 'type=1,manufacturer=VMware,, Inc.,product=VMware7,,1']
}

/** `TCP[HOST_FORWARD]  12  127.0.0.1 39123  10.0.2.15 443  0  0`. */
export function portsIn(usernet: string): Ports {
  const lines = usernet.matchAll(/TCP\[HOST_FORWARD\]\s+\d+\s+\S+\s+(\d+)\s+\S+\s+(\d+)/g)
  const found = new Map([...lines].map(([, host, guest]) => [Number(guest), Number(host)]))
  const port = (guest: number) => {
    const host = found.get(guest)
    if (host === undefined) throw new VmError(`qemu forwards nothing to port ${guest}:\n${usernet}`)
    return host
  }
  return { 443: port(443), 80: port(80), 22: port(22), 8080: port(8080) }
}
