// Fetches a release bundle from a web server: https only, few redirects, none of them into a network that was not meant.

import { lookup as dnsLookup } from 'node:dns'
import type { IncomingMessage } from 'node:http'
import { Agent, request } from 'node:https'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { ApplianceError } from '../errors.ts'
import type { BundleSource } from './offered-bundle.ts'

export interface FetchOptions {
  signal: AbortSignal
  /** `HTTPS_PROXY` and the like, with credentials; undefined goes straight. */
  proxy: Record<string, string> | undefined
  /** Whether an address, as digits, may be connected to at all. */
  mayConnect(address: string): boolean
  /** For tests. PEM in the place of the public authorities. */
  caPem?: string
  /** For tests: which addresses are of a network of somebody's own. */
  isPrivate?(address: string): boolean
  /** From the request to the first byte of the answer, milliseconds. */
  answerMs?: number
}

/** Release pages of code hosts redirect twice. */
const maxRedirects = 5
const defaultAnswerMs = 30_000

const privateAddresses = new BlockList()
// RFC 1918, RFC 6598, loopback and link-local; RFC 4193.
for (const [network, bits] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
] as const)
  privateAddresses.addSubnet(network, bits, 'ipv4')
privateAddresses.addAddress('::1', 'ipv6')
privateAddresses.addSubnet('fc00::', 7, 'ipv6')
privateAddresses.addSubnet('fe80::', 10, 'ipv6')

/**
 * The bundle's bytes as they come. The address that was entered may be in a private network; one that it redirects to only if it
 * is the same host: else whoever answers there could make the appliance look around in networks that are none of theirs.
 * @throws {ApplianceError} RELEASE_ADDRESS_REFUSED, RELEASE_UNREACHABLE; the signal's reason
 */
export async function fetchBundle(entered: string, options: FetchOptions): Promise<BundleSource> {
  const first = checkBundleUrl(entered)
  const agent = new Agent({ keepAlive: false, ...(options.proxy ? { proxyEnv: options.proxy } : {}) })
  let url = first
  for (let redirects = 0; ; redirects++) {
    const answer = await ask(url, url.hostname === first.hostname, agent, options)
    const status = answer.statusCode ?? 0
    const { location } = answer.headers
    if (status >= 300 && status < 400 && location !== undefined) {
      answer.destroy()
      if (redirects >= maxRedirects) throw unreachable(first, `it redirects more than ${maxRedirects} times`)
      url = checkBundleUrl(URL.parse(location, url)?.href ?? '')
      continue
    }
    if (status !== 200) {
      answer.destroy()
      throw unreachable(url, `it answered with HTTP status ${status}`)
    }
    const length = answer.headers['content-length']
    return {
      content: answer,
      sizeBytes: length === undefined ? undefined : Number(length),
      close: () => answer.destroy(),
    }
  }
}

/**
 * A URL that bundles may come from: https, without credentials.
 * @throws {ApplianceError} RELEASE_ADDRESS_REFUSED
 */
export function checkBundleUrl(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && url.protocol === 'https:' && url.username === '' && url.password === '') return url
  throw new ApplianceError(
    'RELEASE_ADDRESS_REFUSED',
    'Release bundles come from https addresses without a user name only.',
    {
      hint: 'Enter it as https://host/path/hoist-1.2.0.tar, or upload the file.',
    },
  )
}

async function ask(url: URL, wasEntered: boolean, agent: Agent, options: FetchOptions): Promise<IncomingMessage> {
  const { signal, proxy, mayConnect, caPem, isPrivate = isPrivateAddress, answerMs = defaultAnswerMs } = options
  const allows = (address: string) => mayConnect(address) && (wasEntered || !isPrivate(address))
  const bare = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(bare) !== 0 && !allows(bare)) throw addressRefused(url)
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), answerMs)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  try {
    request(url, {
      agent,
      signal: AbortSignal.any([signal, late.signal]),
      // Behind a proxy it is the proxy that looks names up; the appliance looks up the proxy's.
      ...(proxy ? {} : { lookup: guarded(allows, () => addressRefused(url)) }),
      minVersion: 'TLSv1.2',
      ...(caPem === undefined ? {} : { ca: caPem }),
      headers: { 'user-agent': 'Hoist', accept: 'application/octet-stream, */*', 'accept-encoding': 'identity' },
    })
      .once('response', resolve)
      .on('error', reject)
      .end()
    return await promise
  } catch (thrown) {
    signal.throwIfAborted()
    if (thrown instanceof ApplianceError) throw thrown
    throw unreachable(url, late.signal.aborted ? 'it does not answer' : reasonOf(thrown), thrown)
  } finally {
    clearTimeout(timer)
  }
}

/** The addresses that are looked at are those that are connected to. */
function guarded(allows: (address: string) => boolean, refused: () => ApplianceError): LookupFunction {
  return (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? []
      if (error) return callback(error, '')
      if (!first || !addresses.every(({ address }) => allows(address))) return callback(refused(), '')
      if (options.all === true) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

function isPrivateAddress(address: string): boolean {
  return privateAddresses.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}

function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const inner = thrown instanceof AggregateError ? thrown.errors.map(error => reasonOf(error)).join('; ') : ''
  return thrown.message || inner || thrown.name
}

/** The host alone is named: paths and queries may hold what opens them. */
function unreachable({ host }: URL, why: string, cause?: unknown): ApplianceError {
  return new ApplianceError('RELEASE_UNREACHABLE', `The release bundle cannot be fetched from ${host}: ${why}.`, {
    cause,
    hint: 'Look at the address, the proxy and the firewall; or download the bundle elsewhere, and upload it.',
  })
}

function addressRefused({ host }: URL): ApplianceError {
  return new ApplianceError(
    'RELEASE_ADDRESS_REFUSED',
    `Release bundles are not fetched from ${host}: it is an address inside.`,
    {
      hint: 'Enter the address at which the file itself is, or upload it.',
    },
  )
}
