// The API without an appliance behind it: a test hands in the services it is about, of memory or real.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { EventHub } from '../../appliance/api/events.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { type ApiOptions, createApi } from '../../appliance/api/server.ts'
import { ensureWebCertificate } from '../../appliance/web-certificate.ts'
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

/** An API with these services; any other fails when it is asked. */
export async function memoryApi(services: Partial<ApiOptions>): Promise<MemoryApi> {
  const directory = await mkdtemp(join(tmpdir(), 'hoist-api-'))
  const tls = await ensureWebCertificate(directory).finally(() => rm(directory, { recursive: true }))
  const lab = await startAccessLab()
  const api = await createApi({
    tls,
    token: apiToken,
    metricsToken,
    version: '0.0.0',
    log: pino({ level: 'silent' }),
    hub: new EventHub(),
    access: lab.access,
    settings: absent(),
    catalog: absent(),
    jobs: absent(),
    runs: absent(),
    policy: absent(),
    connector: absent(),
    leftovers: absent(),
    backups: absent(),
    notifications: absent(),
    metrics: absent(),
    health: absent(),
    ...services,
  })
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

/** A service of which every method does this. */
export function serviceOf<T extends object>(method: () => Promise<unknown>): T {
  return new Proxy({} as T, { get: () => method })
}

/** A service that the test has not handed in. */
function absent<T extends object>(): T {
  return new Proxy({} as T, {
    get(_target, name) {
      throw new Error(`The test has no service with ${String(name)}`)
    },
  })
}
