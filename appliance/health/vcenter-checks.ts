// What the appliance needs of vCenter and its hosts: reached, trusted, let in, allowed; and what it has left open there.
import type { VcenterSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { fetchCertificate, summarizeCertificate } from '../vsphere/certificate.ts'
import { findConsolidationNeeded } from '../vsphere/consolidation.ts'
import { findMarkedSnapshots } from '../vsphere/marked-snapshots.ts'
import { missingPrivileges } from '../vsphere/privileges.ts'
import type { VcenterSession } from '../vsphere/session.ts'
import { type Host, retrieveHosts } from '../vsphere/storage-and-hosts.ts'
import { type Check, type Finding, failed, notYet, success, warning } from './check.ts'
import { expiryFinding } from './expiry.ts'
import { reach } from './reach.ts'

export interface VcenterCheckOptions {
  settings(): Promise<VcenterSettings | undefined>
  /** @throws {ApplianceError} NOT_CONFIGURED, and whatever a login fails with */
  session(): Promise<VcenterSession>
  connectorId(): Promise<string>
  /** Managed object ids of the servers whose snapshots this connector takes. */
  serversWithJobs(): AsyncIterable<string>
  /** From the policy. */
  snapshotAgeHours(): number
  now(): Date
}

const hourMs = 3_600_000
/** Named in a finding; the rest are counted. */
const namedAtMost = 5
const hostsAtOnce = 8
/** Reads the whole inventory: 10,000 servers take some 20 s. */
const inventoryTimeoutMs = 60_000

export function vcenterChecks(options: VcenterCheckOptions): Check[] {
  const { session } = options
  return [
    {
      ...{ id: 'network.vcenter', group: 'network', title: 'vCenter: DNS, TCP, TLS' },
      async run(signal) {
        const { host, trust } = await configured(options)
        return await reach(host, trust, signal)
      },
    },
    {
      ...{ id: 'network.hosts', group: 'network', title: 'ESXi hosts: DNS, TCP, TLS', timeoutMs: inventoryTimeoutMs },
      run: async signal => await reachHosts(await retrieveHosts(await session(), { signal }), signal),
    },
    {
      ...{ id: 'vcenter.certificate', group: 'vcenter', title: 'Certificate and pin' },
      async run(signal) {
        const { host, trust } = await configured(options)
        const shown = await fetchCertificate(host, { signal })
        if (trust.kind === 'pinned') {
          const pinned = summarizeCertificate(trust.certificatePem)
          if (pinned.thumbprintSha256 !== shown.thumbprintSha256) return pinChanged(pinned, shown)
        }
        return expiryFinding(`The certificate of ${host}`, shown.validTo, options.now())
      },
    },
    {
      ...{ id: 'vcenter.login', group: 'vcenter', title: 'Login and version' },
      async run() {
        const { about, username, keepAliveFailure } = await session()
        if (keepAliveFailure) throw keepAliveFailure
        return success(`${username} on ${about.fullName}, API ${about.apiVersion}.`)
      },
    },
    {
      ...{ id: 'vcenter.privileges', group: 'vcenter', title: 'Privileges of the account' },
      async run(signal) {
        const missing = await missingPrivileges(await session(), undefined, { signal })
        if (missing.length === 0) return success()
        const words = missing.map(({ id, purpose }) => `${id} (to ${purpose})`)
        return failed(
          `Missing: ${words.join(', ')}.`,
          `Add ${missing.map(({ id }) => id).join(', ')} to the account's role at the root of the inventory, with propagation.`,
        )
      },
    },
    {
      ...{ id: 'vcenter.snapshots', group: 'vcenter', title: 'Open VM snapshots of ours' },
      ...{ timeoutMs: inventoryTimeoutMs, everyMs: hourMs },
      async run(signal) {
        const connectorId = await options.connectorId()
        const open = await findMarkedSnapshots(await session(), { connectorId, signal })
        return snapshotFinding(open, options.snapshotAgeHours())
      },
    },
    {
      ...{ id: 'vcenter.consolidation', group: 'vcenter', title: 'Disks of servers with jobs: consolidated' },
      ...{ timeoutMs: inventoryTimeoutMs, everyMs: hourMs },
      async run(signal) {
        const serverMorefs = await Array.fromAsync(options.serversWithJobs())
        const found = await findConsolidationNeeded(await session(), { serverMorefs, signal })
        if (found.length === 0) return success()
        const names = found.map(({ serverName }) => serverName).sort()
        return warning(
          `vCenter says that disks need consolidation: ${firstOf(names, ', ')}.`,
          'A snapshot was removed, but its files still stand in the chain and grow: consolidate these servers in vCenter (Snapshots, Consolidate).',
        )
      },
    },
  ]
}

async function configured({ settings }: VcenterCheckOptions): Promise<VcenterSettings> {
  const found = await settings()
  if (found) return found
  throw new ApplianceError('NOT_CONFIGURED', 'vCenter has not been set up yet.', { hint: 'Enter its settings first.' })
}

function pinChanged(pinned: { thumbprintSha256: string }, shown: { thumbprintSha256: string }): Finding {
  return failed(
    `vCenter shows the certificate ${shown.thumbprintSha256}, accepted was ${pinned.thumbprintSha256}.`,
    'If it was renewed on purpose, compare the new thumbprint with vCenter and accept it in Settings. If not, someone may be listening.',
  )
}

/** Disks are read from the hosts themselves. One that cannot be reached stops only the servers on it. */
async function reachHosts(hosts: readonly Host[], signal: AbortSignal): Promise<Finding> {
  const connected = hosts.filter(host => host.connected)
  if (connected.length === 0) return notYet('vCenter shows no connected host to this account.')
  const troubles: string[] = []
  const waiting = [...connected]
  const worker = async () => {
    for (let host = waiting.shift(); host; host = waiting.shift()) {
      const trouble = await troubleOf(host, signal)
      if (trouble !== undefined) troubles.push(trouble)
    }
  }
  await Promise.all(Array.from({ length: hostsAtOnce }, worker))
  const away = hosts.length - connected.length
  const others = away === 0 ? '' : ` ${away} more are not connected to vCenter.`
  if (troubles.length === 0) return success(`${connected.length} of ${connected.length} reached.${others}`)
  return warning(
    `${troubles.length} of ${connected.length} hosts: ${firstOf(troubles.sort(), ' ')}${others}`,
    'Disks are read from the hosts: let the appliance resolve their names, and open port 443 to them.',
  )
}

async function troubleOf(host: Host, signal: AbortSignal): Promise<string | undefined> {
  if (host.certificatePem === undefined) return `${host.name}: vCenter knows no certificate of it.`
  const { state, cause = '' } = await reach(host.name, { kind: 'pinned', certificatePem: host.certificatePem }, signal)
  return state === 'success' ? undefined : cause
}

function snapshotFinding(open: readonly { serverName: string; ageMs: number }[], limitHours: number): Finding {
  if (open.length === 0) return success('None is open.')
  const words = open.map(({ serverName, ageMs }) => `${serverName} (${hours(ageMs)} h)`)
  const said = `${open.length} open: ${firstOf(words, ', ')}.`
  if (!open.some(({ ageMs }) => ageMs > limitHours * hourMs)) return success(said)
  return warning(
    said,
    `A snapshot is open for more than ${limitHours} h and grows: look at the run that made it, or at the leftovers.`,
  )
}

function hours(ms: number): string {
  return (ms / hourMs).toFixed(1)
}

function firstOf(words: readonly string[], separator: string): string {
  const more = words.length - namedAtMost
  const first = words.slice(0, namedAtMost).join(separator)
  return more > 0 ? `${first}${separator}and ${more} more` : first
}
