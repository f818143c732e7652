// What the first screen is about: the machine as this process finds it, and what the service says of itself.
import { X509Certificate } from 'node:crypto'
import { hostname, type NetworkInterfaceInfo, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { ConsoleView } from '../api/schemas/console.ts'
import { localCertificate, localToken } from '../local-api.ts'
import { type BootFailure, readBootFailure } from '../machine/boot-failure.ts'
import { type Finding, readFindings } from '../machine/findings.ts'
import { machineFiles } from '../machine/machine-files.ts'
import { readUpgradeState, type UpgradeState } from '../upgrade/upgrade-state.ts'
import type { ConsoleParts } from './parts.ts'

export type ServiceFact =
  | { kind: 'answers'; view: ConsoleView }
  /** The database is damaged: the page wants the token. */
  | { kind: 'rescue'; message: string; token: string }
  | { kind: 'refuses'; message: string; hint: string }
  | { kind: 'silent'; forMs: number }

export interface Facts {
  hostName: string
  /** Those that others can reach, IPv4 first. */
  addresses: readonly string[]
  port: number
  /** Of the certificate, SHA-256: upper-case hex pairs with colons. */
  fingerprint?: string
  service: ServiceFact
  /** Why the machine has not come up: it is tried again every half minute. */
  bootFailure?: BootFailure
  /** systemd's words: active, activating, failed, inactive. Absent: it does not say. */
  units: { boot?: string; service?: string; helper?: string }
  findings: readonly Finding[]
  upgrade?: UpgradeState
}

const unitNames = { boot: 'hoist-boot.service', service: 'hoist.service', helper: 'hoist-machine.service' } as const
/** Longer than the service takes when it is busy; shorter than a person waits. Milliseconds. */
const askMs = 4_000
/** While the service is well, its units need not be asked for at each look: that is a process each time. Milliseconds. */
const unitsMs = 5 * 60_000

/** Remembers since when the service has been silent, and how the units were. */
export class FactsReader {
  readonly #parts: ConsoleParts
  #heardMs: number
  #units: { states: Facts['units']; atMs: number } | undefined

  constructor(parts: ConsoleParts) {
    this.#parts = parts
    this.#heardMs = parts.nowMs()
  }

  /** Never rejects for long-known reasons: what cannot be read is left out. */
  async read(): Promise<Facts> {
    const { root, dataDir, port } = this.#parts
    const [[service, units], bootFailure, fingerprint, findings, upgrade] = await Promise.all([
      this.#serviceAndUnits(),
      readBootFailure(root),
      fingerprintOf(dataDir),
      readFindings(machineFiles(root)).catch(() => []), // Not for this user to read: the service shows them too.
      readUpgradeState(join(root, 'opt/hoist/upgrade-state.json')).catch(() => undefined), // The page says what is wrong with it.
    ])
    return {
      hostName: hostname(),
      addresses: reachable(networkInterfaces()),
      port,
      ...(fingerprint === undefined ? {} : { fingerprint }),
      service,
      ...(bootFailure === undefined ? {} : { bootFailure }),
      units,
      findings,
      ...(upgrade === undefined ? {} : { upgrade }),
    }
  }

  async #service(): Promise<ServiceFact> {
    const { api, dataDir, nowMs } = this.#parts
    try {
      const { status, body } = await api('GET', '/api/local/console', { signal: AbortSignal.timeout(askMs) })
      this.#heardMs = nowMs()
      if (status === 200) return { kind: 'answers', view: body as ConsoleView }
      const { code, message = 'The service refuses its own console.', hint = '' } = Object(body)
      if (code === 'STORE_DAMAGED')
        return { kind: 'rescue', message: String(message), token: await localToken(dataDir) }
      return { kind: 'refuses', message: String(message), hint: String(hint) }
    } catch {
      // Whatever the reason, nobody answers; the unit's state says more.
      return { kind: 'silent', forMs: nowMs() - this.#heardMs }
    }
  }

  async #serviceAndUnits(): Promise<[ServiceFact, Facts['units']]> {
    const service = await this.#service()
    const { run, nowMs } = this.#parts
    const known = this.#units
    const isWell = service.kind === 'answers' && known && Object.values(known.states).every(state => state === 'active')
    if (isWell && nowMs() - known.atMs < unitsMs) return [service, known.states]
    const args = ['show', '--property=Id,ActiveState,SubState', ...Object.values(unitNames)]
    const text = await run('/usr/bin/systemctl', args).catch(() => '') // Nothing is known then.
    this.#units = { states: unitStates(text), atMs: nowMs() }
    return [service, this.#units.states]
  }
}

/** Blocks of `KEY=VALUE` lines; source: systemctl(1), show. */
export function unitStates(text: string): Facts['units'] {
  const states: Facts['units'] = {}
  for (const block of text.split(/\n\s*\n/)) {
    const id = /^Id=(.+)$/m.exec(block)?.[1]
    // Between a failure and the next try systemd calls it activating, for ever.
    const waiting = /^SubState=auto-restart/m.test(block)
    const state = waiting ? 'failed' : /^ActiveState=(.+)$/m.exec(block)?.[1]
    for (const unit of ['boot', 'service', 'helper'] as const)
      if (id === unitNames[unit] && state !== undefined) states[unit] = state
  }
  return states
}

/** Not of this machine alone, nor of its link alone. */
export function reachable(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): string[] {
  const outside = Object.values(interfaces).flatMap((entries = []) =>
    entries.filter(({ internal, address }) => !internal && !/^(fe[89ab][0-9a-f]:|169\.254\.)/i.test(address)),
  )
  const of = (family: string) => outside.filter(entry => entry.family === family).map(({ address }) => address)
  return [...of('IPv4'), ...of('IPv6')]
}

async function fingerprintOf(dataDir: string): Promise<string | undefined> {
  try {
    const pem = await localCertificate(dataDir)
    return pem && new X509Certificate(pem).fingerprint256
  } catch {
    return undefined // The service has not made it yet, or the data disk is missing.
  }
}
