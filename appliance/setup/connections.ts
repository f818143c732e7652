// The appliance's connections to vCenter and AWS: proven by use before their settings are kept, opened when first needed.
import { type AwsClients, type AwsSecret, createAwsClients } from '../aws/clients.ts'
import { type AwsIdentity, identify } from '../aws/credentials.ts'
import type { AwsSettings, VcenterSettings } from '../domain.ts'
import { ApplianceError, toApplianceError } from '../errors.ts'
import type { SecretName, SecretStore } from '../store/secrets.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { missingPrivileges } from '../vsphere/privileges.ts'
import { VcenterSession } from '../vsphere/session.ts'
import type { ClockGate } from './clock-gate.ts'

type Opening = Promise<VcenterSession | AwsClients>

/** What vCenter said when it was asked who it is and what we may do. */
export interface VcenterProof {
  version: string
  instanceUuid: string
  missingPrivileges: string[]
}

/** One vCenter session and one set of AWS clients, shared by all work. */
export class Connections {
  readonly #settings: SettingsRepository
  readonly #secrets: SecretStore
  readonly #onRetry: (cause: string) => void
  readonly #clock: Pick<ClockGate, 'pass'>
  #vcenter: Promise<VcenterSession> | undefined
  #aws: Promise<AwsClients> | undefined
  /** Runs under way: each may hold the connections that it began with. */
  readonly #work = new Set<Promise<unknown>>()
  /** Replaced connections that are not closed yet. */
  readonly #retiring = new Set<Promise<void>>()

  constructor(
    settings: SettingsRepository,
    secrets: SecretStore,
    onRetry: (cause: string) => void,
    clock: Pick<ClockGate, 'pass'>,
  ) {
    this.#settings = settings
    this.#secrets = secrets
    this.#onRetry = onRetry
    this.#clock = clock
  }

  /** @throws {ApplianceError} NOT_CONFIGURED before vCenter has been set up; whatever a login can fail with */
  vcenter(): Promise<VcenterSession> {
    if (this.#vcenter) return this.#vcenter
    const opening = this.#openVcenter()
    this.#vcenter = opening
    opening.catch(error => {
      // A refused password is not tried again, as vCenter locks the account: new settings take its place.
      if (toApplianceError(error).code === 'VCENTER_LOGIN_FAILED') return
      // Another may have taken its place meanwhile.
      if (this.#vcenter === opening) this.#vcenter = undefined
    })
    return opening
  }

  /** @throws {ApplianceError} NOT_CONFIGURED before AWS has been set up, AWS_CLOCK_SKEW while the clock is wrong */
  async aws(): Promise<AwsClients> {
    const clients = await this.awsAtAnyTime()
    await this.#clock.pass(clients)
    return clients
  }

  /** For whoever finds out what is wrong: the clock may be. @throws {ApplianceError} NOT_CONFIGURED before AWS has been set up */
  awsAtAnyTime(): Promise<AwsClients> {
    if (this.#aws) return this.#aws
    const opening = this.#openAws()
    this.#aws = opening
    opening.catch(() => {
      if (this.#aws === opening) this.#aws = undefined
    })
    return opening
  }

  /** Does work whose connections must outlive a change of settings: a run has to remove with them what it made. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const working = work()
    this.#work.add(working)
    try {
      return await working
    } finally {
      this.#work.delete(working)
    }
  }

  /** Logs in with new settings, and keeps them only if that works and `mayKeep` does not throw. */
  async changeVcenter(
    settings: VcenterSettings,
    password: string,
    mayKeep: (proof: VcenterProof) => Promise<void> = async () => undefined,
  ): Promise<VcenterProof> {
    const session = await VcenterSession.open({ ...settings, password })
    let proof: VcenterProof
    try {
      proof = await proveVcenter(session)
      await mayKeep(proof)
      await this.#keep({ 'vcenter.password': password }, () => this.#settings.setVcenter(settings))
    } catch (error) {
      await session.close()
      throw error
    }
    const former = this.#vcenter
    this.#vcenter = Promise.resolve(session)
    this.#retire(former)
    return proof
  }

  /** Asks AWS who these credentials are, and keeps them only if it knows them and `mayKeep` does not throw. */
  async changeAws(
    settings: AwsSettings,
    secret: AwsSecret,
    mayKeep: (identity: AwsIdentity) => Promise<void> = async () => undefined,
  ): Promise<AwsIdentity> {
    const clients = createAwsClients({ settings, secret, onRetry: this.#onRetry })
    let identity: AwsIdentity
    try {
      await this.#clock.pass(clients)
      identity = await identify(clients)
      await mayKeep(identity)
      const secrets = {
        'aws.secretAccessKey': secret.secretAccessKey,
        'aws.sessionToken': secret.sessionToken,
        'aws.proxyPassword': secret.proxyPassword,
      }
      await this.#keep(secrets, () => this.#settings.setAws(settings))
    } catch (error) {
      clients.destroy()
      throw error
    }
    const former = this.#aws
    this.#aws = Promise.resolve(clients)
    this.#retire(former)
    return identity
  }

  /** Ends all connections; call it when the work has ended. */
  async close(): Promise<void> {
    await Promise.all([closeQuietly(this.#vcenter), closeQuietly(this.#aws), ...this.#retiring])
    this.#vcenter = undefined
    this.#aws = undefined
  }

  /** Writes secrets and the settings that they belong to; when that fails, the secrets are again what they were. */
  async #keep(secrets: Partial<Record<SecretName, string | undefined>>, writeSettings: () => Promise<void>) {
    const names = Object.keys(secrets) as SecretName[]
    const former = new Map<SecretName, string | undefined>()
    for (const name of names) former.set(name, await this.#readable(name))
    try {
      for (const name of names) await this.#setSecret(name, secrets[name])
      await writeSettings()
    } catch (error) {
      for (const [name, value] of former) await this.#setSecret(name, value)
      throw error
    }
  }

  async #setSecret(name: SecretName, value: string | undefined): Promise<void> {
    if (value === undefined) await this.#secrets.delete(name)
    else await this.#secrets.set(name, value)
  }

  /** A secret whose key file is lost counts as none: entering it again is the cure. */
  async #readable(name: SecretName): Promise<string | undefined> {
    try {
      return await this.#secrets.get(name)
    } catch (thrown) {
      if (toApplianceError(thrown).code === 'SECRET_UNREADABLE') return undefined
      throw thrown
    }
  }

  /** Closes a replaced connection once the work that began with it has ended. */
  #retire(former: Opening | undefined): void {
    if (!former) return
    const closing = Promise.allSettled(this.#work)
      .then(() => closeQuietly(former))
      .finally(() => this.#retiring.delete(closing))
    this.#retiring.add(closing)
  }

  async #openVcenter(): Promise<VcenterSession> {
    const settings = await this.#settings.getVcenter()
    const password = await this.#secrets.get('vcenter.password')
    if (!settings || password === undefined) throw notConfigured('vCenter')
    return await VcenterSession.open({ ...settings, password })
  }

  async #openAws(): Promise<AwsClients> {
    const settings = await this.#settings.getAws()
    const secretAccessKey = await this.#secrets.get('aws.secretAccessKey')
    if (!settings || secretAccessKey === undefined) throw notConfigured('AWS')
    const sessionToken = await this.#secrets.get('aws.sessionToken')
    const proxyPassword = await this.#secrets.get('aws.proxyPassword')
    const secret = {
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      ...(proxyPassword === undefined ? {} : { proxyPassword }),
    }
    return createAwsClients({ settings, secret, onRetry: this.#onRetry })
  }
}

/** Version and privileges of the account that a session is logged in with. */
export async function proveVcenter(
  session: VcenterSession,
  options: { signal?: AbortSignal } = {},
): Promise<VcenterProof> {
  const missing = await missingPrivileges(session, undefined, options)
  return {
    version: session.about.version,
    instanceUuid: session.about.instanceUuid,
    missingPrivileges: missing.map(privilege => privilege.id),
  }
}

function notConfigured(what: string): ApplianceError {
  return new ApplianceError('NOT_CONFIGURED', `${what} has not been set up yet`, {
    hint: `Enter the settings of ${what} first.`,
  })
}

/** A connection that is replaced may be broken already: that it cannot be closed properly is no failure of the new one. */
async function closeQuietly(connection: Opening | undefined): Promise<void> {
  const opened = await connection?.catch(() => undefined)
  if (opened instanceof VcenterSession) await opened.close()
  else opened?.destroy()
}
