// Steps that boot the appliance as it is deployed, by each firmware, with and without properties.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { SystemView } from '../../appliance/api/schemas/system.ts'
import { consoleFacts } from './console-text.ts'
import { deployedDisks, type Unpacked } from './disks.ts'
import { type FirstAnswer, firstAnswer } from './first-answer.ts'
import { getHttp, greetingAt, postHttps } from './outside.ts'
import { propertiesIso } from './ovf-environment.ts'
import { legacyFirmware } from './pvscsi-firmware.ts'
import { Remote } from './remote.ts'
import { Vm, type VmOptions } from './vm.ts'
import { administrator } from './wizard.ts'

/** Emulated, with other work beside it. */
const bootMs = 600_000
const shutDownMs = 120_000
/** The console draws itself anew every few seconds. */
const consoleMs = 120_000
/** What the guest's firewall drops stays silent: so long is listened for. */
const silenceMs = 5_000

/** With vSphere's devices, by BIOS, and nothing given at the deployment. */
export async function biosPvscsi(unpacked: Unpacked): Promise<string> {
  return await booted(unpacked, 'bios', { firmware: 'bios', devices: 'vmware' }, async vm => {
    // The certificate is a file; the code comes from the service, which is asked later.
    await vm.until('the setup code on the console', consoleMs, () => consoleFacts(vm.serial)?.setupCode)
    const redirect = await getHttp(vm.ports[80], '/some/page')
    if (redirect.status < 300 || redirect.status > 399 || !redirect.location.startsWith('https://hoist.example.com/'))
      throw new Error(`port 80 answers with ${redirect.status} ${redirect.location}`)
    const greeting = await greetingAt(vm.ports[22], silenceMs)
    if (greeting !== '') throw new Error(`port 22 says ${greeting}`)
    return `the console's certificate answers, 80 redirects, 22 is closed, ACPI ends it`
  })
}

export async function uefiVirtio(unpacked: Unpacked): Promise<string> {
  return await booted(unpacked, 'uefi', { firmware: 'uefi', devices: 'virtio' }, async () => "Debian's OVMF")
}

/** As vSphere has it. */
export async function uefiPvscsi(unpacked: Unpacked): Promise<string> {
  const { file, version } = await legacyFirmware()
  const options = { firmware: 'uefi', devices: 'vmware', firmwareFile: file } as const
  return await booted(unpacked, 'uefi-pvscsi', options, async () => `OVMF.legacy.fd of ovmf-legacy ${version}`)
}

/** What an admin fills in; nothing of it is what DHCP would give. */
export const givenProperties = {
  hostname: 'moved.example.com',
  ipv4_mode: 'static',
  ipv4_address: '10.0.2.77/24',
  ipv4_gateway: '10.0.2.2',
  ipv6_mode: 'off',
  ipv6_address: '',
  ipv6_gateway: '',
  dns: '10.0.2.3',
  ntp: '10.0.2.2',
  proxy: 'http://proxy.example.com:3128',
  ssh_key: '',
  setup_code: 'kept-between-us-1234',
} as const

/** By the ISO transport, as vCenter hands it over. */
export async function propertiesByIso(unpacked: Unpacked): Promise<string> {
  const { iso } = await propertiesIso(unpacked.directory, givenProperties)
  return await booted(unpacked, 'iso', { firmware: 'bios', devices: 'vmware', iso, address: '10.0.2.77' }, given)
}

/** As a hypervisor hands over guestinfo, behind the flag for tests. */
export async function propertiesByFwCfg(unpacked: Unpacked): Promise<string> {
  const { xml } = await propertiesIso(unpacked.directory, givenProperties)
  const flag = join(unpacked.directory, 'test-flag')
  await writeFile(flag, '1')
  const fwCfg = { 'opt/guestinfo.ovfEnv': xml, 'opt/hoist/test': flag }
  return await booted(unpacked, 'fw-cfg', { firmware: 'bios', devices: 'vmware', fwCfg, address: '10.0.2.77' }, given)
}

async function given(vm: Vm, facts: FirstAnswer): Promise<string> {
  if (!facts.urls.some(url => url.includes('10.0.2.77'))) throw new Error(`the console shows ${facts.urls}`)
  if (facts.setupCode !== undefined) throw new Error('the console shows a setup code though one was given')
  if (vm.serial.includes(givenProperties.setup_code)) throw new Error('the setup code stands on the console')
  if (!vm.serial.includes(givenProperties.hostname)) throw new Error('the console does not show the host name')
  const port = vm.ports[443]
  const wrong = await postHttps(port, '/api/setup/code', facts.fingerprint, { code: 'never-the-code-1234' })
  if (wrong.status < 400) throw new Error(`another setup code is answered with ${wrong.status}`)
  const remote = await Remote.claim(port, facts.fingerprint, givenProperties.setup_code, administrator)
  const shown = await remote.call<SystemView>('GET', '/api/system')
  const applied = {
    hostname: shown.hostname,
    address: shown.interfaces.some(({ addresses }) => addresses.some(address => address.startsWith('10.0.2.77'))),
    gateway: shown.gateway,
    dns: shown.dns.join(),
    ntp: shown.ntp.servers.join(),
    proxy: shown.proxy?.url.replace(/\/$/, ''),
  }
  const { hostname, ipv4_gateway: gateway, dns, ntp, proxy } = givenProperties
  const wanted = { hostname, address: true, gateway, dns, ntp, proxy }
  if (!isDeepStrictEqual(applied, wanted)) throw new Error(`it runs with ${JSON.stringify(applied)}`)
  return 'address, gateway, DNS, time server, name and proxy are as given; it opens with the given setup code and never shows it'
}

async function booted(
  unpacked: Unpacked,
  name: string,
  options: Omit<VmOptions, 'disks'>,
  prove: (vm: Vm, facts: FirstAnswer) => Promise<string>,
): Promise<string> {
  await using vm = await Vm.start({ ...options, disks: await deployedDisks(unpacked, name) })
  const facts = await firstAnswer(vm, bootMs)
  const said = await prove(vm, facts)
  await vm.shutDown(shutDownMs)
  return `HTTPS after ${facts.httpsSeconds.toFixed(0)} s, console after ${facts.consoleSeconds.toFixed(0)} s; ${said}`
}
