// Which machine may act as this connector: a lease in its bucket, fenced by conditional writes. A clone of the appliance, or
// one whose database was restored from a backup, finds that it is not the one that wrote last, and stays read-only.
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { AwsClients } from '../aws/clients.ts'
import { type Lease, readLease, writeLease } from '../aws/connector-lease.ts'
import type { Connector, ReadOnlyReason } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { ensureConnector, newConnector } from './registration.ts'

export type Standing =
  /** Nothing stands in AWS yet that could be shared. */
  | { state: 'unregistered' }
  /** Whose the lease is could not be found out so far. */
  | { state: 'unknown'; failure: ApplianceError }
  | { state: 'active'; lease: Lease }
  | { state: 'readOnly'; reason: ReadOnlyReason; lease?: Lease }

export interface ConnectorLeaseOptions {
  settings: SettingsRepository
  aws: () => Promise<AwsClients>
  machineId: string
  /** Told of each change that lets the connector act, or forbids it. */
  onChange: (standing: Standing) => Promise<void>
  /** Ends the unfinished runs of a database that is not the present, before the connector acts again. */
  abandonRuns: () => Promise<void>
  /** For tests: how long somebody waits for an answer that was not there before. Milliseconds. */
  secondLookMs?: number
}

type Held = { lease: Lease; etag: string }

const takeOverAttempts = 5
const defaultSecondLookMs = 10_000

/**
 * What a lease that stands in the bucket means to a machine.
 * @param holds whether this process has written a lease before
 */
export function judgeLease(
  lease: Lease | undefined,
  { connector, machineId, holds }: { connector: Connector; machineId: string; holds: boolean },
): 'ours' | ReadOnlyReason {
  const written = connector.leaseNonces ?? []
  // The first one of a connector. Later its absence is no permission: whoever removed it may have had a reason.
  if (!lease) return written.length === 0 ? 'ours' : 'leaseGone'
  const sameMachine = lease.machineId === machineId && lease.connectorId === connector.id
  if (sameMachine && written.includes(lease.nonce)) return 'ours'
  if (holds) return 'fenced'
  // Of this machine, and yet not in its database: the database is another, or an older one.
  return sameMachine ? 'restored' : 'cloned'
}

/** Holds the connector's lease. Its verbs follow each other. */
export class ConnectorLease {
  readonly #options: ConnectorLeaseOptions
  #standing: Standing = { state: 'unknown', failure: notYetRead() }
  #held: Held | undefined
  /** Of the lease that is to be written next; the same until it is known to be written. */
  #nonce = newNonce()
  /** Counts the takings of the lease; 0 before it was seen. */
  #epoch = 0
  /** Whether this process has held the lease. */
  #holds = false
  #waiting: Promise<void> | undefined
  readonly #inTurn = oneAtATime()

  constructor(options: ConnectorLeaseOptions) {
    this.#options = options
  }

  /** Of the lease that the next write replaces; none where none is. */
  get #etag(): string | undefined {
    return this.#held?.etag
  }

  get standing(): Standing {
    return this.#standing
  }

  /** @throws {ApplianceError} CONNECTOR_READ_ONLY; AWS's own error while the lease could not be read */
  assertActive(): void {
    const standing = this.#standing
    if (standing.state === 'readOnly') throw readOnly(standing.reason)
    if (standing.state === 'unknown') throw standing.failure
  }

  /**
   * As `assertActive`, for somebody who waits for it: what AWS could not tell before it is asked for once more, as they may just
   * have mended it.
   */
  async ensureActive(): Promise<void> {
    if (this.#standing.state === 'unknown') {
      const { secondLookMs = defaultSecondLookMs } = this.#options
      // Without an answer by then, the reason of before stands.
      await Promise.race([this.renew(), delay(secondLookMs, undefined, { ref: false })])
    }
    this.assertActive()
  }

  /** Reads the lease and renews it. What AWS cannot tell now changes nothing for a connector that is active. Never throws. */
  renew(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#advance()
      } catch (thrown) {
        if (this.#standing.state === 'unknown') this.#standing = { state: 'unknown', failure: toApplianceError(thrown) }
      }
    })
  }

  /**
   * Renews the lease, so that no other machine has it at this moment.
   * @throws {ApplianceError} CONNECTOR_READ_ONLY when another machine has taken over; whatever S3 fails with
   */
  async advance(): Promise<void> {
    // One that has not begun yet serves all who ask until then: fifty runs that start together write one lease.
    this.#waiting ??= this.#inTurn(() => {
      this.#waiting = undefined
      return this.#advance()
    })
    await this.#waiting
    this.assertActive()
  }

  /** As `advance`, before something is removed outside: an unregistered connector has no right to it either. */
  async confirm(): Promise<void> {
    await this.advance()
    if (this.#standing.state !== 'active') throw notYetRead()
  }

  /**
   * An administrator's word that this machine is the one.
   * @throws {ApplianceError} NOTHING_TO_DECIDE, LEASE_TAKEN when the other machine renews it each time in between
   */
  takeOver(): Promise<void> {
    return this.#inTurn(async () => {
      const standing = this.#standing
      if (standing.state !== 'readOnly') throw nothingToDecide()
      const { settings, abandonRuns } = this.#options
      for (let attempt = 1; ; attempt++) {
        const found = await this.#read()
        // A process that has held the lease knows what it has done: its runs go on.
        if (!this.#holds && attempt === 1) await abandonRuns()
        const lease = found?.lease ?? standing.lease
        const connector = await ensureConnector(settings)
        const mark = Math.max(connector.mark, lease?.mark ?? 0)
        await settings.setConnector({ ...connector, mark, generation: newNonce() })
        try {
          return await this.#write((lease?.epoch ?? 0) + 1, found?.etag)
        } catch (thrown) {
          // The other machine works on, and may renew it at this very moment.
          if (toApplianceError(thrown).code !== 'LEASE_TAKEN' || attempt === takeOverAttempts) throw thrown
        }
      }
    })
  }

  /**
   * An administrator's word that this machine is another connector, which shares nothing with the first.
   * @throws {ApplianceError} NOTHING_TO_DECIDE
   */
  becomeAnother(): Promise<void> {
    return this.#inTurn(async () => {
      const { state } = this.#standing
      if (state !== 'readOnly' && state !== 'unknown') throw nothingToDecide()
      await this.#options.abandonRuns()
      await this.#options.settings.setConnector(newConnector())
      this.#held = undefined
      await this.#become({ state: 'unregistered' })
    })
  }

  async #advance(): Promise<void> {
    // Only an administrator gets a connector out of this.
    if (this.#standing.state === 'readOnly') return
    const connector = await ensureConnector(this.#options.settings)
    if (!connector.bucket || !connector.vcenterInstanceUuid) {
      this.#held = undefined
      if (this.#standing.state !== 'unregistered') await this.#become({ state: 'unregistered' })
      return
    }
    if (!this.#held && !(await this.#claim(connector))) return
    try {
      await this.#write(this.#epoch, this.#etag)
    } catch (thrown) {
      if (toApplianceError(thrown).code !== 'LEASE_TAKEN') throw thrown
      // Somebody else wrote. Until it is known who, nothing goes on here.
      this.#held = undefined
      this.#holds = true
      await this.#become({ state: 'unknown', failure: toApplianceError(thrown) })
      if (await this.#claim(connector)) await this.#write(this.#epoch, this.#etag)
    }
  }

  /** Reads whose the lease is; false when it is not ours. */
  async #claim(connector: Connector): Promise<boolean> {
    const found = await this.#read()
    const { machineId } = this.#options
    const verdict = judgeLease(found?.lease, { connector, machineId, holds: this.#holds })
    if (verdict !== 'ours') {
      await this.#become({ state: 'readOnly', reason: verdict, ...(found ? { lease: found.lease } : {}) })
      return false
    }
    this.#held = found
    this.#epoch = (found?.lease.epoch ?? 0) + (this.#holds ? 0 : 1)
    return true
  }

  async #write(epoch: number, etag: string | undefined): Promise<void> {
    const { settings, machineId } = this.#options
    const former = this.#held?.lease.nonce
    const nonce = this.#nonce
    // In the database first: a lease that is found later is known, also when this write's answer is lost.
    const connector = await ensureConnector(settings)
    await settings.setConnector({ ...connector, leaseNonces: former === undefined ? [nonce] : [nonce, former] })
    const mark = await settings.advanceMark()
    const renewedAt = new Date().toISOString()
    const lease: Lease = { version: 1, connectorId: connector.id, machineId, epoch, mark, nonce, renewedAt }
    const written = await writeLease({ ...(await this.#place()), lease, ...(etag === undefined ? {} : { etag }) })
    this.#held = { lease, etag: written }
    this.#nonce = newNonce()
    this.#epoch = epoch
    this.#holds = true
    if (this.#standing.state === 'active') this.#standing = { state: 'active', lease }
    else await this.#become({ state: 'active', lease })
  }

  async #read(): Promise<Held | undefined> {
    return await readLease(await this.#place())
  }

  async #place() {
    const { settings, aws } = this.#options
    const { bucket = '', awsAccountId: accountId = '' } = await ensureConnector(settings)
    return { clients: await aws(), bucket, accountId }
  }

  async #become(standing: Standing): Promise<void> {
    this.#standing = standing
    if (standing.state === 'readOnly') this.#held = undefined
    await this.#options.onChange(standing)
  }
}

const reasons: Record<ReadOnlyReason, string> = {
  cloned: 'Another machine works as this connector',
  restored: 'The database is not the one that this connector has worked with last',
  leaseGone: "The connector's lease was removed from its bucket",
  fenced: 'Another machine has taken this connector over',
}

/** The error that whatever would start or remove something is answered with. */
export function readOnly(reason: ReadOnlyReason): ApplianceError {
  return new ApplianceError('CONNECTOR_READ_ONLY', `${reasons[reason]}: nothing is started or removed`, {
    hint: 'Decide on the connector page: this machine takes over, or becomes a connector of its own.',
  })
}

function nothingToDecide(): ApplianceError {
  return new ApplianceError('NOTHING_TO_DECIDE', 'The connector is not read-only', {
    hint: 'There is nothing to decide.',
  })
}

/** Nothing is started or removed before it is known whose the lease is. */
export function notYetRead(): ApplianceError {
  return new ApplianceError('CONNECTOR_READ_ONLY', 'Whose the lease of the connector is has not been found out yet', {
    hint: 'Wait until S3 answers; if it does not, look at the AWS settings.',
  })
}

function newNonce(): string {
  return randomBytes(8).toString('hex')
}
