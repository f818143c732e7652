// One login to one vCenter, kept alive, opened again when vCenter ends it, and shared by everything that speaks to it.

import type { VcenterSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { isFault, localizedFault, type VcenterFault } from './faults.ts'
import { type CallOptions, SoapClient } from './soap.ts'
import { type Reference, reference, type VimFields } from './vim.ts'
import { child, children, textAt, type XmlElement } from './xml.ts'

/** `ServiceContent.about`: which vCenter this is. */
export interface AboutVcenter {
  fullName: string
  version: string
  build: string
  apiVersion: string
  apiType: string
  instanceUuid: string
}

/** The managers that we use, from `ServiceContent`. */
export interface ServiceContent {
  rootFolder: Reference
  propertyCollector: Reference
  viewManager: Reference
  sessionManager: Reference
  authorizationManager: Reference
  extensionManager: Reference
}

export interface SessionOptions extends VcenterSettings {
  password: string
  signal?: AbortSignal
  /** Longest wait for one answer, milliseconds. */
  timeoutMs?: number
  /** How often an idle session is touched, milliseconds. vCenter ends one after 30 minutes by default. */
  keepAliveMs?: number
}

export interface SessionCallOptions extends CallOptions {
  /**
   * The arguments name something that ended with the session in which it was made (a view, a page token): log in
   * again if the session is lost, but let the caller begin anew (VCENTER_SESSION_LOST).
   */
  boundToSession?: boolean
}

const serviceInstance = reference('ServiceInstance', 'ServiceInstance')
const defaultKeepAliveMs = 10 * 60_000
const logoutTimeoutMs = 10_000

/** The vCenter that this process is logged in to. Close it: vCenter holds only so many sessions. */
export class VcenterSession {
  readonly host: string
  readonly username: string
  readonly soap: SoapClient
  readonly about: AboutVcenter
  readonly content: ServiceContent
  /** Counts logins: things bound to a session compare it. */
  generation = 0
  /** `UserSession.key`, which HasPrivilegeOnEntities asks for. */
  sessionKey = ''
  readonly #password: string
  readonly #keepAlive: NodeJS.Timeout
  readonly #closed = new AbortController()
  #login: Promise<void> | undefined
  /** Set when vCenter refused the password: nobody asks again, so that the account is not locked. */
  #refused: ApplianceError | undefined
  #keepAliveFailure: ApplianceError | undefined

  /**
   * Connects and logs in.
   * Errors: VCENTER_UNREACHABLE, VCENTER_CERTIFICATE_*, VCENTER_LOGIN_FAILED, VCENTER_PROTOCOL.
   */
  static async open(options: SessionOptions): Promise<VcenterSession> {
    const { host, trust, timeoutMs, signal } = options
    const soap = new SoapClient({ host, trust, ...(timeoutMs === undefined ? {} : { timeoutMs }) })
    const waiting = signal ? { signal } : {}
    try {
      const answer = await soap.call('RetrieveServiceContent', { _this: serviceInstance }, waiting)
      const content = child(answer, 'returnval')
      const session = new VcenterSession(soap, readAbout(host, content), readContent(host, content), options)
      try {
        await session.#logIn(waiting)
        return session
      } catch (error) {
        session.#stop()
        throw error
      }
    } catch (error) {
      soap.close()
      throw error
    }
  }

  /** Use `open`. */
  private constructor(soap: SoapClient, about: AboutVcenter, content: ServiceContent, options: SessionOptions) {
    this.soap = soap
    this.host = options.host
    this.username = options.username
    this.about = about
    this.content = content
    this.#password = options.password
    soap.apiVersion = about.apiVersion
    this.#keepAlive = setInterval(() => void this.#touch(), options.keepAliveMs ?? defaultKeepAliveMs)
    this.#keepAlive.unref()
  }

  /** Why the last keep-alive failed; absent when it went well. For health. */
  get keepAliveFailure(): ApplianceError | undefined {
    return this.#keepAliveFailure
  }

  /**
   * Calls a method, and once more after a new login if vCenter had ended the session.
   * Errors: those of SoapClient.call, VCENTER_LOGIN_FAILED, VCENTER_SESSION_LOST.
   */
  async call(method: string, args: VimFields, options: SessionCallOptions = {}): Promise<XmlElement> {
    const generation = this.generation
    try {
      return await this.#attempt(method, args, options)
    } catch (error) {
      if (!isFault(error, 'NotAuthenticated')) throw error
      await this.#renew(generation, options.signal)
      if (options.boundToSession) throw error
      return await this.#attempt(method, args, options)
    }
  }

  async #attempt(method: string, args: VimFields, options: SessionCallOptions): Promise<XmlElement> {
    if (this.#refused) throw this.#refused
    this.#closed.signal.throwIfAborted()
    // The other shape of a lost session: 200, and every property missing for lack of a login.
    let lost: VcenterFault | undefined
    const { onObject } = options
    const answer = await this.soap.call(method, args, {
      ...options,
      ...(onObject && {
        onObject: (object: XmlElement) => {
          lost ??= lostInMissingSet(method, object)
          if (!lost) onObject(object)
        },
      }),
    })
    if (method.endsWith('PropertiesEx')) {
      for (const object of children(child(answer, 'returnval'), 'objects')) lost ??= lostInMissingSet(method, object)
    }
    if (lost) throw lost
    return answer
  }

  /** Logs in again, once for all callers that found the session of this generation lost. */
  async #renew(lostGeneration: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.generation === lostGeneration) {
      this.#login ??= this.#logIn({ signal: this.#closed.signal }).finally(() => {
        this.#login = undefined
      })
      // Whoever waits for it hears of its failure; nobody may.
      this.#login.catch(() => undefined)
      await raceAbort(this.#login, signal)
    }
  }

  async #logIn(options: CallOptions): Promise<void> {
    if (this.#refused) throw this.#refused
    this.soap.cookie = undefined
    try {
      const answer = await this.soap.call(
        'Login',
        { _this: this.content.sessionManager, userName: this.username, password: this.#password },
        options,
      )
      this.sessionKey = textAt(answer, 'returnval', 'key') ?? ''
      this.generation += 1
    } catch (error) {
      if (error instanceof ApplianceError && error.code === 'VCENTER_LOGIN_FAILED') {
        this.#refused = new ApplianceError(
          'VCENTER_LOGIN_FAILED',
          `${this.host} refuses the login of ${this.username}`,
          { cause: error, hint: error.hint },
        )
        throw this.#refused
      }
      throw error
    }
  }

  async #touch(): Promise<void> {
    try {
      await this.call('CurrentTime', { _this: serviceInstance }, { signal: this.#closed.signal })
      this.#keepAliveFailure = undefined
    } catch (error) {
      // Nobody waits for this call: the next real one meets the same failure and reports it. Health shows it meanwhile.
      this.#keepAliveFailure = error instanceof ApplianceError ? error : undefined
    }
  }

  /** Logs out and closes the connections. Never throws: a session that cannot be ended ends by its time-out. */
  async close(): Promise<void> {
    if (this.#closed.signal.aborted) return
    this.#stop()
    try {
      await this.soap.call('Logout', { _this: this.content.sessionManager }, { timeoutMs: logoutTimeoutMs })
    } catch {
      // The session is lost already, or vCenter is not reachable: nothing is left to release here.
    } finally {
      this.soap.close()
    }
  }

  #stop(): void {
    clearInterval(this.#keepAlive)
    this.#closed.abort(
      new ApplianceError('VCENTER_SESSION_LOST', `The session with ${this.host} was closed`, {
        hint: 'The appliance is stopping, or the settings of vCenter have changed.',
      }),
    )
  }
}

function lostInMissingSet(method: string, object: XmlElement): VcenterFault | undefined {
  for (const missing of object.children) {
    if (missing.name !== 'missingSet') continue
    const fault = child(missing, 'fault')
    if (fault && child(fault, 'fault')?.xsiType === 'NotAuthenticated') return localizedFault(method, fault)
  }
  return undefined
}

async function raceAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return await promise
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const stop = () => reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

function readAbout(host: string, content: XmlElement | undefined): AboutVcenter {
  const about = child(content, 'about')
  const apiType = textAt(about, 'apiType') ?? ''
  if (apiType !== 'VirtualCenter') {
    throw new ApplianceError('VCENTER_PROTOCOL', `${host} is not a vCenter but "${apiType}"`, {
      hint: 'Give the address of vCenter Server: a single ESXi host cannot be registered.',
    })
  }
  return {
    apiType,
    fullName: textAt(about, 'fullName') ?? '',
    version: textAt(about, 'version') ?? '',
    build: textAt(about, 'build') ?? '',
    apiVersion: textAt(about, 'apiVersion') ?? '6.5',
    instanceUuid: textAt(about, 'instanceUuid') ?? '',
  }
}

function readContent(host: string, content: XmlElement | undefined): ServiceContent {
  const manager = (name: string): Reference => {
    const element = child(content, name)
    if (element && element.text !== '') return reference(element.type, element.text)
    throw new ApplianceError('VCENTER_PROTOCOL', `${host} names no ${name}`, {
      hint: 'Check that the address is that of a vCenter.',
    })
  }
  return {
    rootFolder: manager('rootFolder'),
    propertyCollector: manager('propertyCollector'),
    viewManager: manager('viewManager'),
    sessionManager: manager('sessionManager'),
    authorizationManager: manager('authorizationManager'),
    extensionManager: manager('extensionManager'),
  }
}
