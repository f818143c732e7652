// The appliance's connections to vCenter and AWS: proven by use before their settings are kept, opened when first needed.
import { type AwsClients, type AwsSecret, createAwsClients } from '../aws/clients.ts'
import { type AwsIdentity, identify } from '../aws/credentials.ts'
import type { AwsSettings, VcenterSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { SecretStore } from '../store/secrets.ts'
import type { SettingsRepository } from '../store/settings.ts'
import { missingPrivileges } from '../vsphere/privileges.ts'
import { VcenterSession } from '../vsphere/session.ts'

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
  #vcenter: Promise<VcenterSession> | undefined
  #aws: Promise<AwsClients> | undefined

  constructor(settings: SettingsRepository, secrets: SecretStore, onRetry: (cause: string) => void) {
    this.#settings = settings
    this.#secrets = secrets
    this.#onRetry = onRetry
  }

  /** @throws {ApplianceError} NOT_CONFIGURED before vCenter has been set up; whatever a login can fail with */
  vcenter(): Promise<VcenterSession> {
    this.#vcenter ??= this.#openVcenter().catch(error => {
      this.#vcenter = undefined
      throw error
    })
    return this.#vcenter
  }

  /** @throws {ApplianceError} NOT_CONFIGURED before AWS has been set up */
  aws(): Promise<AwsClients> {
    this.#aws ??= this.#openAws().catch(error => {
      this.#aws = undefined
      throw error
    })
    return this.#aws
  }

  /** Logs in with new settings, and keeps them only if that works. */
  async changeVcenter(settings: VcenterSettings, password: string): Promise<VcenterProof> {
    const session = await VcenterSession.open({ ...settings, password })
    let proof: VcenterProof
    try {
      proof = await proveVcenter(session)
      await this.#secrets.set('vcenter.password', password)
      await this.#settings.setVcenter(settings)
    } catch (error) {
      await session.close()
      throw error
    }
    const former = this.#vcenter
    this.#vcenter = Promise.resolve(session)
    await closeQuietly(former)
    return proof
  }

  /** Asks AWS who these credentials are, and keeps them only if it knows them. */
  async changeAws(settings: AwsSettings, secret: AwsSecret): Promise<AwsIdentity> {
    const clients = createAwsClients({ settings, secret, onRetry: this.#onRetry })
    let identity: AwsIdentity
    try {
      identity = await identify(clients)
      await this.#secrets.set('aws.secretAccessKey', secret.secretAccessKey)
      if (secret.sessionToken) await this.#secrets.set('aws.sessionToken', secret.sessionToken)
      else await this.#secrets.delete('aws.sessionToken')
      await this.#settings.setAws(settings)
    } catch (error) {
      clients.destroy()
      throw error
    }
    const former = this.#aws
    this.#aws = Promise.resolve(clients)
    await closeQuietly(former)
    return identity
  }

  async close(): Promise<void> {
    await Promise.all([closeQuietly(this.#vcenter), closeQuietly(this.#aws)])
    this.#vcenter = undefined
    this.#aws = undefined
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
    const secret = sessionToken === undefined ? { secretAccessKey } : { secretAccessKey, sessionToken }
    return createAwsClients({ settings, secret, onRetry: this.#onRetry })
  }
}

/** Version and privileges of the account that a session is logged in with. */
export async function proveVcenter(session: VcenterSession): Promise<VcenterProof> {
  return {
    version: session.about.version,
    instanceUuid: session.about.instanceUuid,
    missingPrivileges: (await missingPrivileges(session)).map(privilege => privilege.id),
  }
}

function notConfigured(what: string): ApplianceError {
  return new ApplianceError('NOT_CONFIGURED', `${what} has not been set up yet`, {
    hint: `Enter the settings of ${what} first.`,
  })
}

/** A connection that is replaced may be broken already: that it cannot be closed properly is no failure of the new one. */
async function closeQuietly(connection: Promise<VcenterSession | AwsClients> | undefined): Promise<void> {
  const opened = await connection?.catch(() => undefined)
  if (opened instanceof VcenterSession) await opened.close().catch(() => undefined)
  else opened?.destroy()
}
