// Steps that boot the appliance as it is deployed, by each firmware, with and without properties.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { SystemView } from '../../appliance/api/schemas/system.ts'
import { onScreen } from './at-console.ts'
import { deployedDisks, type Unpacked } from './disks.ts'
import { type ConsoleAnswer, type FirstAnswer, firstAnswer, httpsAnswer, shownBy } from './first-answer.ts'
import { expectCodeRefused, getHttp, greetingAt, silenceMs } from './outside.ts'
import { propertiesIso } from './ovf-environment.ts'
import { legacyFirmware } from './pvscsi-firmware.ts'
import { Remote } from './remote.ts'
import { Vm } from './vm.ts'
import { administrator } from './wizard.ts'

const shutDownMs = 120_000
/** The console draws itself anew every few seconds. */
const consoleMs = 120_000
/** The console's title stands in a bar of 79 columns of at least 8 pixels; nothing of firmware, GRUB or kernel is so long then. */
const titleBar = 79 * 8

/** With vSphere's devices, by BIOS, and nothing given at the deployment. The screen is what vSphere's console shows. */
export async function biosPvscsi(unpacked: Unpacked): Promise<string> {
  const disks = await deployedDisks(unpacked, 'bios')
  await using vm = await Vm.start({ firmware: 'bios', devices: 'vmware', disks })
  const facts = await firstAnswer(vm)
  // The certificate is a file; the code comes from the service, which is asked later.
  const code = await vm.until('the setup code on the console', consoleMs, async () => (await shownBy(vm))?.setupCode)
  await onScreen(vm, 'code and certificate', shown =>
    [code, facts.fingerprint].every(text => lettersOf(shown).includes(lettersOf(text))),
  )
  const redirect = await getHttp(vm.ports[80], '/some/page')
  if (redirect.status < 300 || redirect.status > 399 || !redirect.location.startsWith('https://hoist.example.com/'))
    throw new Error(`port 80 answers with ${redirect.status} ${redirect.location}`)
  const greeting = await greetingAt(vm.ports[22], silenceMs)
  if (greeting !== '') throw new Error(`port 22 says ${greeting}`)
  await vm.shutDown(shutDownMs)
  return `${times(facts)}; the certificate of console and screen answers, 80 redirects, 22 is closed, ACPI ends it`
}

/** Without the blanks and dashes that people read by. */
const lettersOf = (text: string) => text.replaceAll(/[^A-Z0-9]/g, '')

/** A machine that two steps look at: one proves how it starts, the other what it was given. */
export class SharedBoot<Facts extends FirstAnswer = FirstAnswer> implements AsyncDisposable {
  readonly #start: () => Promise<Vm>
  readonly #look: (vm: Vm) => Promise<Facts>
  #running: Promise<{ vm: Vm; facts: Facts }> | undefined

  constructor(start: () => Promise<Vm>, look: (vm: Vm) => Promise<Facts>) {
    this.#start = start
    this.#look = look
  }

  /** Started by whoever asks first. */
  running(): Promise<{ vm: Vm; facts: Facts }> {
    this.#running ??= this.#boot()
    return this.#running
  }

  async #boot() {
    const vm = await this.#start()
    try {
      return { vm, facts: await this.#look(vm) }
    } catch (error) {
      await vm.cut()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running?.then(
      ({ vm }) => vm.cut(),
      () => undefined, // told by the step that asked
    )
  }
}

export async function uefiVirtio(boot: SharedBoot<ConsoleAnswer>): Promise<string> {
  const { facts } = await boot.running()
  return `${times(facts)}; Debian's OVMF`
}

/** As vSphere has it: no serial line, and a screen that the firmware has made. */
export async function uefiPvscsi(boot: SharedBoot): Promise<string> {
  const { version } = await legacyFirmware()
  const { vm, facts } = await boot.running()
  await vm.until("the console's title on the screen", consoleMs, async () =>
    (await vm.longestBar()) >= titleBar ? true : undefined,
  )
  const { httpsSeconds } = facts
  return `HTTPS after ${httpsSeconds.toFixed(0)} s without a serial line, and a console on the screen; OVMF.legacy.fd of ovmf-legacy ${version}`
}

/** What an admin fills in; nothing of it is what DHCP would give. */
export const givenProperties = {
  hostname: 'moved.example.com',
  ipv4_mode: 'static',
  ipv4_address: '10.0.2.77/24',
  ipv4_gateway: '10.0.2.2',
  ipv6_mode: 'static',
  ipv6_address: 'fec0::77/64',
  ipv6_gateway: 'fec0::2',
  dns: '10.0.2.3',
  ntp: '10.0.2.2',
  proxy: 'http://proxy.example.com:3128',
  ssh_key: '',
  setup_code: 'kept-between-us-1234',
} as const

/** Properties by the ISO transport, as vCenter hands them over; by UEFI where a firmware for pvscsi is to be had. */
export function bootWithIso(unpacked: Unpacked): SharedBoot {
  const start = async () => {
    const { iso } = await propertiesIso(unpacked.directory, givenProperties)
    const firmware = await legacyFirmware().then(
      ({ file }) => ({ firmware: 'uefi', firmwareFile: file }) as const,
      () => ({ firmware: 'bios' }) as const, // its own step tells why
    )
    const disks = await deployedDisks(unpacked, 'iso')
    return await Vm.start({ ...firmware, devices: 'vmware', iso, serial: false, address: '10.0.2.77', disks })
  }
  return new SharedBoot(start, httpsAnswer)
}

/** Properties as a hypervisor hands over guestinfo, behind the flag for tests; with the devices of any hypervisor. */
export function bootWithFwCfg(unpacked: Unpacked): SharedBoot<ConsoleAnswer> {
  const start = async () => {
    const { xml } = await propertiesIso(unpacked.directory, givenProperties)
    const flag = join(unpacked.directory, 'test-flag')
    await writeFile(flag, '1')
    const fwCfg = { 'opt/guestinfo.ovfEnv': xml, 'opt/hoist/test': flag }
    const disks = await deployedDisks(unpacked, 'fw-cfg')
    return await Vm.start({ firmware: 'uefi', devices: 'virtio', fwCfg, address: '10.0.2.77', disks })
  }
  return new SharedBoot(start, firstAnswer)
}

/** Of what was given the console shows what it should, and nothing else. */
export async function consoleOfGiven(boot: SharedBoot<ConsoleAnswer>): Promise<void> {
  const { vm, facts } = await boot.running()
  if (!facts.urls.some(url => url.includes('10.0.2.77'))) throw new Error(`the console shows ${facts.urls}`)
  if (facts.setupCode !== undefined) throw new Error('the console shows a setup code though one was given')
  if (vm.serial.includes(givenProperties.setup_code)) throw new Error('the setup code stands on the console')
  if (!vm.serial.includes(givenProperties.hostname)) throw new Error('the console does not show the host name')
}

/** What was given holds; after that the machine is switched off. */
export async function propertiesGiven(boot: SharedBoot): Promise<string> {
  const { vm, facts } = await boot.running()
  const said = await given(vm, facts)
  await vm.shutDown(shutDownMs)
  return said
}

async function given(vm: Vm, facts: FirstAnswer): Promise<string> {
  const port = vm.ports[443]
  await expectCodeRefused(port, facts.fingerprint, 'never-the-code-1234')
  const remote = await Remote.claim(port, facts.fingerprint, givenProperties.setup_code, administrator)
  await expectCodeRefused(port, facts.fingerprint, givenProperties.setup_code)
  const shown = await remote.call<SystemView>('GET', '/api/system')
  const addresses = shown.interfaces.flatMap(({ addresses }) => addresses)
  const applied = {
    hostname: shown.hostname,
    ipv4: addresses.find(address => address.startsWith('10.0.2.')),
    ipv6: addresses.find(address => address.startsWith('fec0::')),
    gateway: shown.gateway,
    dns: shown.dns.join(),
    ntp: shown.ntp.servers.join(),
    proxy: shown.proxy?.url.replace(/\/$/, ''),
  }
  const { hostname, ipv4_address: ipv4, ipv6_address: ipv6, ipv4_gateway: gateway, dns, ntp, proxy } = givenProperties
  const wanted = { hostname, ipv4, ipv6, gateway, dns, ntp, proxy }
  if (!isDeepStrictEqual(applied, wanted)) throw new Error(`it runs with ${JSON.stringify(applied)}`)
  return 'addresses, gateway, DNS, time server, name and proxy are as given; it opens with the given setup code, once'
}

const times = ({ httpsSeconds, consoleSeconds }: ConsoleAnswer) =>
  `HTTPS after ${httpsSeconds.toFixed(0)} s, console after ${consoleSeconds.toFixed(0)} s`
