// The SDK clients of one AWS connection: endpoints, Region, proxy, credentials and time-outs from settings, one retry layer for all.
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { EC2Client } from '@aws-sdk/client-ec2'
import { IAMClient } from '@aws-sdk/client-iam'
import { S3Client } from '@aws-sdk/client-s3'
import { SNSClient } from '@aws-sdk/client-sns'
import { STSClient } from '@aws-sdk/client-sts'
import type { AwsService, AwsSettings } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { assumedRole, type CredentialProvider } from './credentials.ts'
import { withRetries } from './retry.ts'

const connectionTimeoutMs = 10_000
/** A control request that has no answer by then is lost. */
const requestTimeoutMs = 60_000
/**
 * S3's limit is on silence, not on duration: eight 8 MiB parts over a 10 Mbit/s line take a minute each and are well.
 * Completing an upload may be silent for long.
 */
const idleTimeoutMs = 120_000

export interface AwsSecret {
  secretAccessKey: string
  sessionToken?: string
  /** For `settings.proxyUsername`. */
  proxyPassword?: string
}

export interface AwsClientsOptions {
  settings: AwsSettings
  secret: AwsSecret
  /** Connections to S3 at once, over all uploads. */
  maxSockets?: number
  /** PEM of a private CA that signs an endpoint's or an inspecting proxy's certificate; added to the public ones' place. */
  caPem?: string
  onRetry?: (cause: string, action: string) => void
}

export interface CallOptions {
  /** Ends the waits between attempts, and the request under way unless `creates`. */
  signal?: AbortSignal | undefined
  /** The request makes something: once it is out its answer is awaited, so that what it made can be taken back. */
  creates?: boolean
  attempts?: number | undefined
}

/** An AWS connection. Its clients are made at first use; `call` is the only way a request should be sent. */
export interface AwsClients {
  readonly settings: AwsSettings
  readonly s3: S3Client
  readonly ec2: EC2Client
  readonly sts: STSClient
  readonly iam: IAMClient
  readonly sns: SNSClient
  /** True if S3 is reached over TLS, where a payload needs no signature of its own. */
  readonly s3OverTls: boolean
  /**
   * Sends one request through the retry layer.
   * @param action the IAM action that it needs, such as `s3:PutObject`.
   * @param send must pass its argument on as the SDK's options: it carries the abort signal.
   */
  call<T>(
    action: string,
    send: (options: { abortSignal?: AbortSignal }) => Promise<T>,
    options?: CallOptions,
  ): Promise<T>
  destroy(): void
}

/** @throws ApplianceError AWS_ENDPOINT_INSECURE for plain http anywhere but on loopback. */
export function createAwsClients(options: AwsClientsOptions): AwsClients {
  const { settings, onRetry } = options
  const { proxyPassword, ...secret } = options.secret
  for (const [service, endpoint] of Object.entries(settings.endpoints)) refuseInsecure(service, endpoint)
  const agentOptions = {
    keepAlive: true,
    maxSockets: options.maxSockets ?? 32,
    ...(options.caPem === undefined ? {} : { ca: options.caPem }),
    ...(settings.proxyUrl === undefined
      ? {}
      : { proxyEnv: proxyEnvironment(settings.proxyUrl, settings.proxyUsername, proxyPassword) }),
  }
  const httpAgent = new HttpAgent(agentOptions)
  const httpsAgent = new HttpsAgent(agentOptions)
  const common = (service: AwsService) => {
    const endpoint = settings.endpoints[service]
    return {
      region: settings.region,
      maxAttempts: 1,
      ...(endpoint === undefined ? {} : { endpoint }),
      requestHandler: {
        httpAgent,
        httpsAgent,
        connectionTimeout: connectionTimeoutMs,
        ...(service === 's3'
          ? { socketTimeout: idleTimeoutMs, requestTimeout: 0 }
          : { requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true }),
        // Uploads queue for sockets by design; the handler's warning would go to the console.
        logger: silent,
      },
      logger: silent,
    }
  }
  const call: AwsClients['call'] = (action, send, { signal, attempts, creates = false } = {}) =>
    withRetries(action, () => send(signal === undefined || creates ? {} : { abortSignal: signal }), {
      signal,
      attempts,
      onRetry: cause => onRetry?.(cause, action),
    })

  const key = { accessKeyId: settings.accessKeyId, ...secret }
  const keySts = once(() => new STSClient({ ...common('sts'), credentials: key }))
  const credentials: CredentialProvider | typeof key =
    settings.assumeRoleArn === undefined ? key : assumedRole({ sts: keySts, settings, call })
  const s3Endpoint = settings.endpoints.s3
  const s3 = once(
    () =>
      new S3Client({
        ...common('s3'),
        credentials,
        // An IP or a lab's name has no bucket as subdomain; AWS's own private endpoints have.
        forcePathStyle: s3Endpoint !== undefined && !new URL(s3Endpoint).hostname.endsWith('.amazonaws.com'),
        // With an agent of our own the handler would send the header but not wait for the answer.
        expectContinueHeader: false,
      }),
  )
  const ec2 = once(() => new EC2Client({ ...common('ec2'), credentials }))
  const sts =
    settings.assumeRoleArn === undefined ? keySts : once(() => new STSClient({ ...common('sts'), credentials }))
  const iam = once(() => new IAMClient({ ...common('iam'), credentials }))
  const sns = once(() => new SNSClient({ ...common('sns'), credentials }))
  const made = [s3, ec2, sts, keySts, iam, sns]
  return {
    settings,
    get s3() {
      return s3()
    },
    get ec2() {
      return ec2()
    },
    get sts() {
      return sts()
    },
    get iam() {
      return iam()
    },
    get sns() {
      return sns()
    },
    s3OverTls: s3Endpoint === undefined || s3Endpoint.startsWith('https:'),
    call,
    destroy() {
      for (const client of made) client.made?.destroy()
      httpAgent.destroy()
      httpsAgent.destroy()
    },
  }
}

function refuseInsecure(service: string, endpoint: string): void {
  const url = URL.parse(endpoint)
  if (url === null || (url.protocol !== 'https:' && url.protocol !== 'http:')) {
    throw new ApplianceError('AWS_ENDPOINT_INSECURE', `The endpoint of ${service} is not an https URL: ${endpoint}`, {
      hint: 'Enter it as https://host or https://host:port.',
    })
  }
  const loopback = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname)
  if (url.protocol === 'http:' && !loopback) {
    throw new ApplianceError('AWS_ENDPOINT_INSECURE', `The endpoint of ${service} is plain http: ${endpoint}`, {
      hint: 'Use https: disks and credentials would cross the network readable.',
    })
  }
}

/** Node's agents speak to a proxy by themselves; its credentials go into their options only, never into a setting or a log. */
export function proxyEnvironment(proxyUrl: string, username: string | undefined, password: string | undefined) {
  const url = new URL(proxyUrl)
  if (username !== undefined) url.username = encodeURIComponent(username)
  if (password !== undefined) url.password = encodeURIComponent(password)
  return { HTTP_PROXY: url.href, HTTPS_PROXY: url.href, NO_PROXY: '' }
}

const ignore = () => undefined
const silent = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore }

interface Once<T> {
  (): T
  made: T | undefined
}

function once<T>(make: () => T): Once<T> {
  const get: Once<T> = () => {
    get.made ??= make()
    return get.made
  }
  get.made = undefined
  return get
}
