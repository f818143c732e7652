// The SOAP client: one method call over HTTPS at a time per socket, its answer parsed while it arrives.

import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import type { CertificateTrust } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { connectionError, type HostAddress, parseHost, serverName, tlsOptionsFor } from './certificate.ts'
import { vcenterFault } from './faults.ts'
import { fieldsXml, type VimFields } from './vim.ts'
import { child, textAt, type XmlElement, xmlTree } from './xml.ts'

export interface SoapClientOptions {
  /** host or host:port of vCenter. */
  host: string
  trust: CertificateTrust
  /** Longest wait for one whole answer, milliseconds. */
  timeoutMs?: number
  /** Largest answer accepted, bytes. */
  maxBodyBytes?: number
}

export interface CallOptions {
  signal?: AbortSignal
  timeoutMs?: number
  /** Called with each `<objects>` of the answer's `<returnval>` as it arrives; they are not kept. */
  onObject?: (element: XmlElement) => void
}

/** A page of 100 servers is about 1 MB. Far more than that is not an answer to anything that we ask. */
const defaultMaxBodyBytes = 64 * 1024 * 1024

/** Methods that only read: the one kind that may be sent again when a kept connection turns out to be closed. */
const readOnly = /^(Retrieve|Query|Has|CurrentTime|FindExtension|HttpNfcLeaseGetManifest)/

const namespaces =
  'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ' +
  'xmlns:xsd="http://www.w3.org/2001/XMLSchema"'

/**
 * Speaks vim25 to one vCenter. Holds the session cookie and the connections; knows nothing of logins.
 * Errors of every call: VCENTER_UNREACHABLE, VCENTER_CERTIFICATE_*, VCENTER_PROTOCOL, and faults (faults.ts).
 */
export class SoapClient {
  readonly host: string
  readonly address: HostAddress
  readonly trust: CertificateTrust
  /** vSphere API version of the SOAPAction; the oldest that we speak until vCenter has told its own. */
  apiVersion = '6.5'
  /** `name=value` of the session cookie, as vCenter set it. */
  cookie: string | undefined
  /** Calls that were sent a second time. */
  retries = 0
  readonly #agent: Agent
  readonly #tls: ReturnType<typeof tlsOptionsFor>
  readonly #timeoutMs: number
  readonly #maxBodyBytes: number

  constructor({ host, trust, timeoutMs = 60_000, maxBodyBytes = defaultMaxBodyBytes }: SoapClientOptions) {
    this.host = host
    this.address = parseHost(host)
    this.trust = trust
    this.#timeoutMs = timeoutMs
    this.#maxBodyBytes = maxBodyBytes
    // vCenter's reverse proxy closes idle connections after a minute or more: let go of ours before it does.
    this.#tls = tlsOptionsFor(trust)
    // The TLS options belong to the agent: with a checkServerIdentity of the request's own, Node keeps no connection.
    this.#agent = new Agent({ keepAlive: true, maxSockets: 16, timeout: 30_000, ...this.#tls })
  }

  /** Calls a method; `args` in the order of the schema, `_this` first. Resolves with the `<MethodResponse>` element. */
  async call(method: string, args: VimFields, options: CallOptions = {}): Promise<XmlElement> {
    const body = Buffer.from(
      `<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope ${namespaces}><soapenv:Body>` +
        `<${method} xmlns="urn:vim25">${fieldsXml(args)}</${method}></soapenv:Body></soapenv:Envelope>`,
    )
    try {
      return await this.#attempt(method, body, options)
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error
      if (!readOnly.test(method)) throw connectionError(this.host, this.trust, error.cause)
      this.retries += 1
      return await this.#attempt(method, body, { ...options, fresh: true })
    }
  }

  /** Closes the connections. */
  close(): void {
    this.#agent.destroy()
  }

  async #attempt(method: string, body: Buffer, options: CallOptions & { fresh?: boolean }): Promise<XmlElement> {
    const { signal, timeoutMs = this.#timeoutMs } = options
    signal?.throwIfAborted()
    const deadline = AbortSignal.timeout(timeoutMs)
    const ends = signal ? AbortSignal.any([signal, deadline]) : deadline
    let response: IncomingMessage | undefined
    try {
      response = await this.#send(body, ends, options.fresh === true)
      this.#keepCookie(response)
      return await this.#read(method, response, options)
    } catch (cause) {
      if (signal?.aborted) throw signal.reason
      if (cause instanceof StaleConnection) throw cause
      throw connectionError(this.host, this.trust, deadline.aborted ? deadline.reason : cause)
    } finally {
      // A response that was not read to its end would hold its connection; after the end this does nothing.
      if (response && !response.complete) response.destroy()
    }
  }

  #send(body: Buffer, signal: AbortSignal, fresh: boolean): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = this.address
      const outgoing = request(
        {
          host: hostname,
          port,
          servername: serverName(hostname),
          path: '/sdk',
          method: 'POST',
          ...(fresh ? { agent: false, ...this.#tls } : { agent: this.#agent }),
          signal,
          headers: {
            'content-type': 'text/xml; charset=utf-8',
            'content-length': body.length,
            soapaction: `"urn:vim25/${this.apiVersion}"`,
            ...(this.cookie === undefined ? {} : { cookie: this.cookie }),
          },
        },
        resolve,
      )
      outgoing.once('error', error => {
        reject(outgoing.reusedSocket && !signal.aborted ? new StaleConnection(error) : error)
      })
      outgoing.end(body)
    })
  }

  #keepCookie(response: IncomingMessage): void {
    for (const line of response.headers['set-cookie'] ?? []) {
      const pair = line.split(';', 1)[0] ?? ''
      if (pair.startsWith('vmware_soap_session=')) this.cookie = pair
    }
  }

  async #read(method: string, response: IncomingMessage, { onObject }: CallOptions): Promise<XmlElement> {
    const status = response.statusCode ?? 0
    if (status !== 200 && status !== 500) throw this.#unexpected(method, status)
    const path = ['Envelope', 'Body', `${method}Response`, 'returnval', 'objects']
    const tree = xmlTree(onObject ? { onElement: { path, take: onObject } } : {})
    const decoder = new TextDecoder('utf-8', { fatal: true })
    let bytes = 0
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > this.#maxBodyBytes) throw this.#malformed(method, `it is larger than ${this.#maxBodyBytes} bytes`)
      tree.write(this.#decode(decoder, chunk, method))
    }
    tree.write(this.#decode(decoder, undefined, method))
    const body = child(tree.end(), 'Body')
    const fault = child(body, 'Fault')
    if (fault) {
      const detail = child(fault, 'detail')?.children[0]
      // The schema names the element MethodFault + "Fault"; its xsi:type is the fault's own name.
      const name = detail?.xsiType || detail?.name.replace(/Fault$/, '') || ''
      throw vcenterFault(method, name, textAt(fault, 'faultstring') ?? '', detail)
    }
    const answer = child(body, `${method}Response`)
    if (!answer) throw this.#malformed(method, 'it holds neither an answer nor a fault')
    return answer
  }

  #decode(decoder: TextDecoder, chunk: Buffer | undefined, method: string): string {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode()
    } catch {
      // The decoder's own message ("The encoded data was not valid") adds nothing to this one.
      throw this.#malformed(method, 'it is not UTF-8')
    }
  }

  #malformed(method: string, why: string): ApplianceError {
    return new ApplianceError('VCENTER_PROTOCOL', `The answer of ${this.host} to ${method} is not usable: ${why}`, {
      hint: 'Check that the address is that of a vCenter, and that no proxy stands in between.',
    })
  }

  #unexpected(method: string, status: number): ApplianceError {
    if (status === 503 || status === 502 || status === 504) {
      return new ApplianceError('VCENTER_UNREACHABLE', `${this.host} answered ${method} with HTTP ${status}`, {
        hint: "vCenter's services are starting or down: look at its management page on port 5480.",
      })
    }
    return new ApplianceError('VCENTER_PROTOCOL', `${this.host} answered ${method} with HTTP ${status}`, {
      hint: 'Check that the address is that of a vCenter, and that no proxy stands in between.',
    })
  }
}

/** A kept connection was closed by the other side before it answered: whether the request was carried out is unknown. */
class StaleConnection extends Error {
  override readonly cause: unknown

  constructor(cause: unknown) {
    super('the kept connection was closed')
    this.cause = cause
  }
}
