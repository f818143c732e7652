// Which endpoints an AWS connection speaks to, and whether each answers: through the same agents, proxy included.
import type { Readable } from 'node:stream'
import type { AwsService } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { awsError } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'

export interface EndpointAnswer {
  url: string
  tookMs: number
  /** The endpoint's clock, when it answered; to the second. */
  dateMs?: number
}

/** The endpoint of a service: from settings, else the one that the SDK chooses for the Region. */
export function endpointUrl(clients: AwsClients, service: AwsService): URL {
  const own = clients.settings.endpoints[service]
  if (own !== undefined) return new URL(own)
  const { region } = clients.settings
  const { endpointProvider } = clients[service].config
  return endpointProvider({ Region: region, UseFIPS: false, UseDualStack: false }).url
}

/**
 * Sends one unsigned request, as nothing needs to be allowed for it: whatever HTTP status comes back, the endpoint was reached.
 * @throws ApplianceError AWS_UNREACHABLE
 */
export async function probeEndpoint(
  clients: AwsClients,
  service: AwsService,
  { signal }: { signal?: AbortSignal } = {},
): Promise<EndpointAnswer> {
  const url = endpointUrl(clients, service)
  const started = performance.now()
  try {
    const { statusCode, headers, body } = await send(clients, service, url, signal)
    body.destroy()
    if (statusCode === 407) {
      throw new ApplianceError('AWS_UNREACHABLE', 'The proxy does not accept the user name or password.', {
        hint: "Enter the proxy's user name and password again.",
      })
    }
    const dateMs = Date.parse(headers.date ?? '')
    return {
      url: url.origin,
      tookMs: Math.round(performance.now() - started),
      ...(Number.isNaN(dateMs) ? {} : { dateMs }),
    }
  } catch (thrown) {
    signal?.throwIfAborted()
    throw awsError(`${service}:*`, thrown)
  }
}

async function send(clients: AwsClients, service: AwsService, url: URL, signal: AbortSignal | undefined) {
  const { requestHandler } = clients[service].config
  const request = {
    method: 'GET',
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port === '' ? {} : { port: Number(url.port) }),
    path: '/',
    query: {},
    headers: { host: url.host },
  }
  type Handled = { response: { statusCode: number; headers: Record<string, string>; body: Readable } }
  const handle = requestHandler.handle.bind(requestHandler) as unknown as (
    request: object,
    options: { abortSignal?: AbortSignal },
  ) => Promise<Handled>
  const { response } = await handle(request, signal === undefined ? {} : { abortSignal: signal })
  return response
}
