// Which machine may act as this connector: a lease in its bucket, fenced by conditional writes. A clone of the appliance, or
// one whose database was restored from a backup, finds that it is not the one that wrote last, and stays read-only.
import { randomBytes } from 'node:crypto'
import type { AwsClients } from '../aws/clients.ts'
import { type Lease, readLease, writeLease } from '../aws/connector-lease.ts'
import type { Connector, ReadOnlyReason } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { ensureConnector, newConnector } from './registration.ts'

export type Standing =
  /** Nothing stands in AWS yet that could be shared. */
  | { state: 'unregistered' }
  /** The lease could not be read so far. */
  | { state: 'unknown'; failure: ApplianceError }
  | { state: 'active'; lease: Lease }
  | { state: 'readOnly'; reason: ReadOnlyReason; lease: Lease }

export interface ConnectorLeaseOptions {
  settings: SettingsRepository
  aws: () => Promise<AwsClients>
  machineId: string
  /** Told of each change that lets the connector act, or forbids it. */
  onChange: (standing: Standing) => Promise<void>
  /** Ends the unfinished runs of a database that is not the present, before the connector acts again. */
  abandonRuns: () => Promise<void>
}

type Held = { lease: Lease; etag: string }

/**
 * What a lease means to a machine.
 * @param held the epoch that this process has written; undefined before it has written one
 */
export function judgeLease(
  lease: Lease,
  { connector, machineId, held }: { connector: Connector; machineId: string; held: number | undefined },
): 'ours' | ReadOnlyReason {
  const sameMachine = lease.machineId === machineId && lease.connectorId === connector.id
  if (held !== undefined) return sameMachine && lease.epoch === held ? 'ours' : 'fenced'
  if (!sameMachine) return 'cloned'
  // Another process of this machine wrote it: the one before, or one that worked on another copy of the data.
  return lease.mark > connector.mark ? 'restored' : 'ours'
}

/** Holds the connector's lease. Its verbs follow each other. */
export class ConnectorLease {
  readonly #options: ConnectorLeaseOptions
  #standing: Standing = { state: 'unregistered' }
  #held: Held | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: ConnectorLeaseOptions) {
    this.#options = options
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

  /** Reads the lease and renews it. What AWS cannot tell now changes nothing for a connector that is active. Never throws. */
  renew(): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#advance()
      } catch (thrown) {
        const failure = toApplianceError(thrown)
        if (this.#standing.state === 'unregistered') await this.#become({ state: 'unknown', failure })
        else if (this.#standing.state === 'unknown') this.#standing = { state: 'unknown', failure }
      }
    })
  }

  /**
   * Moves the mark on, here and in the bucket: a database that does not have it is older than what is done next.
   * @throws {ApplianceError} CONNECTOR_READ_ONLY when another machine has taken over; whatever S3 fails with
   */
  advance(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#advance()
      this.assertActive()
    })
  }

  /** An administrator's word that this machine is the one. @throws {ApplianceError} NOTHING_TO_DECIDE */
  takeOver(): Promise<void> {
    return this.#inTurn(async () => {
      const standing = this.#undecided()
      const { settings, abandonRuns } = this.#options
      const found = await this.#read()
      const connector = await ensureConnector(settings)
      await abandonRuns()
      const mark = Math.max(connector.mark, (found ?? standing).lease.mark)
      await settings.setConnector({ ...connector, mark, generation: randomBytes(4).toString('hex') })
      await this.#write((found ?? standing).lease.epoch + 1, found?.etag)
    })
  }

  /** An administrator's word that this machine is another connector, which shares nothing with the first. @throws {ApplianceError} NOTHING_TO_DECIDE */
  becomeAnother(): Promise<void> {
    return this.#inTurn(async () => {
      this.#undecided()
      await this.#options.abandonRuns()
      await this.#options.settings.setConnector(newConnector())
      this.#held = undefined
      await this.#become({ state: 'unregistered' })
    })
  }

  #undecided(): { lease: Lease } {
    if (this.#standing.state === 'readOnly') return this.#standing
    throw new ApplianceError('NOTHING_TO_DECIDE', 'The connector is not read-only', {
      hint: 'There is nothing to decide.',
    })
  }

  async #advance(): Promise<void> {
    const { settings, machineId } = this.#options
    // Only an administrator gets a connector out of this.
    if (this.#standing.state === 'readOnly') return
    const connector = await ensureConnector(settings)
    if (!connector.bucket || !connector.vcenterInstanceUuid) {
      this.#held = undefined
      if (this.#standing.state !== 'unregistered') await this.#become({ state: 'unregistered' })
      return
    }
    const found = this.#held ?? (await this.#read())
    const verdict = found ? judgeLease(found.lease, { connector, machineId, held: this.#held?.lease.epoch }) : 'ours'
    if (found && verdict !== 'ours')
      return await this.#become({ state: 'readOnly', reason: verdict, lease: found.lease })
    const epoch = this.#held ? this.#held.lease.epoch : (found?.lease.epoch ?? 0) + 1
    try {
      await this.#write(epoch, found?.etag)
    } catch (thrown) {
      if (toApplianceError(thrown).code !== 'LEASE_TAKEN') throw thrown
      await this.#lose(connector)
    }
  }

  /** The lease is not as this process left it: whose is it? One that was deleted by hand is made again at the next turn. */
  async #lose(connector: Connector): Promise<void> {
    const held = this.#held?.lease.epoch
    const found = await this.#read()
    this.#held = undefined
    if (!found) return
    const verdict = judgeLease(found.lease, { connector, machineId: this.#options.machineId, held })
    if (verdict === 'ours') this.#held = found
    else await this.#become({ state: 'readOnly', reason: verdict, lease: found.lease })
  }

  async #write(epoch: number, etag: string | undefined): Promise<void> {
    const { settings, machineId } = this.#options
    const mark = await settings.advanceMark()
    const { id: connectorId } = await ensureConnector(settings)
    const renewedAt = new Date().toISOString()
    const lease: Lease = { version: 1, connectorId, machineId, epoch, mark, renewedAt }
    const written = await writeLease({ ...(await this.#place()), lease, ...(etag === undefined ? {} : { etag }) })
    this.#held = { lease, etag: written }
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

  #inTurn<T>(verb: () => Promise<T>): Promise<T> {
    const result = this.#last.then(verb)
    this.#last = result.catch(() => undefined)
    return result
  }
}

const reasons: Record<ReadOnlyReason, string> = {
  cloned: 'Another machine works as this connector',
  restored: 'The database is older than what this connector has done',
  fenced: 'Another machine has taken this connector over',
}

/** The error that whatever would start or remove something is answered with. */
export function readOnly(reason: ReadOnlyReason): ApplianceError {
  return new ApplianceError('CONNECTOR_READ_ONLY', `${reasons[reason]}: nothing is started or removed`, {
    hint: 'Decide on the connector page: this machine takes over, or becomes a connector of its own.',
  })
}
