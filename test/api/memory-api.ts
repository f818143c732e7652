// The API without an appliance behind it: a test hands in the services it is about, of memory or real.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { EventHub } from '../../appliance/api/events.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { type ApiOptions, createApi } from '../../appliance/api/server.ts'
import { ensureWebCertificate, viewWebCertificate } from '../../appliance/web-certificate.ts'
import { startAccessLab } from '../accounts/access-lab.ts'
import { documented } from './documented.ts'

export const apiToken = 'a'.repeat(43)
export const metricsToken = 'm'.repeat(43)

export interface MemoryApi {
  api: Routes
  /** Calls with the API token; throws when the answer is not as documented. */
  call<T = { code?: string; message?: string; hint?: string }>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    url: string,
    payload?: object,
  ): Promise<{ status: number; body: T }>
}

/** An API with these services; any other is what `other` gives. */
export async function apiOf(
  services: Partial<ApiOptions> & Pick<ApiOptions, 'access'>,
  other: <T extends object>() => T = absent,
): Promise<Routes> {
  const directory = await mkdtemp(join(tmpdir(), 'hoist-api-'))
  const tls = await ensureWebCertificate(directory).finally(() => rm(directory, { recursive: true }))
  return await createApi({
    tls,
    token: apiToken,
    metricsToken,
    version: '0.0.0',
    log: pino({ level: 'silent' }),
    hub: new EventHub(),
    settings: other(),
    catalog: other(),
    jobs: other(),
    runs: other(),
    policy: other(),
    connector: other(),
    leftovers: other(),
    backups: other(),
    notifications: other(),
    metrics: other(),
    throughput: other(),
    health: other(),
    system: other(),
    machine: other(),
    aws: other(),
    support: other(),
    upgrade: other(),
    // Asked with each answer.
    webCertificate: { ...other(), view: () => viewWebCertificate(tls.cert) },
    ...services,
  })
}

/** An API with these services; any other fails when it is asked. */
export async function memoryApi(services: Partial<ApiOptions>): Promise<MemoryApi> {
  const lab = await startAccessLab()
  const api = await apiOf({ access: lab.access, ...services })
  api.addHook('onClose', () => lab.close())
  const difference = await documented({ api })
  return {
    api,
    async call(method, url, payload) {
      const answer = await api.inject({
        method,
        url,
        headers: { authorization: `Bearer ${apiToken}` },
        ...(payload === undefined ? {} : { payload }),
      })
      const body = answer.body === '' ? undefined : answer.json()
      const found = difference({ method, url, status: answer.statusCode, body })
      if (found !== '') throw new Error(found)
      return { status: answer.statusCode, body }
    },
  }
}

/** A service that the test has not handed in. */
function absent<T extends object>(): T {
  return new Proxy({} as T, {
    get(_target, name) {
      throw new Error(`The test has no service with ${String(name)}`)
    },
  })
}
