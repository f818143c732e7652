// The whole API on real accounts and a clock that the test sets; the other services answer with nothing.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { EventHub } from '../../appliance/api/events.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { type ApiOptions, createApi } from '../../appliance/api/server.ts'
import { ensureWebCertificate } from '../../appliance/web-certificate.ts'
import { type AccessLab, goodPassword, startAccessLab } from '../accounts/access-lab.ts'
import { Browser } from './browser.ts'
import { documented } from './documented.ts'
import { apiToken, metricsToken, serviceOf } from './memory-api.ts'

export interface AccessApi {
  api: Routes
  lab: AccessLab
  /** Without a cookie; each of an address of its own, unless it is given. */
  browser(address?: string): Browser
  /** Makes the account if need be, and signs in. */
  signedIn(role: 'administrator' | 'operator' | 'support', name?: string): Promise<Browser>
  close(): Promise<void>
}

export async function startAccessApi(
  services: Partial<ApiOptions> = {},
  hasher?: Parameters<typeof startAccessLab>[0],
): Promise<AccessApi> {
  const lab = await startAccessLab(hasher)
  const directory = await mkdtemp(join(tmpdir(), 'hoist-api-'))
  const tls = await ensureWebCertificate(directory).finally(() => rm(directory, { recursive: true }))
  const nothing = () => serviceOf(async () => ({}))
  const api = await createApi({
    tls,
    token: apiToken,
    metricsToken,
    version: '0.0.0',
    log: pino({ level: 'silent' }),
    hub: new EventHub(),
    access: lab.access,
    settings: nothing(),
    catalog: nothing(),
    jobs: nothing(),
    runs: nothing(),
    policy: nothing(),
    connector: nothing(),
    leftovers: nothing(),
    backups: nothing(),
    notifications: nothing(),
    metrics: nothing(),
    health: nothing(),
    ...services,
  })
  const compare = await documented({ api })
  let addresses = 0
  const browser = (address = `192.0.2.${++addresses}`) => new Browser(api, { compare, address })
  return {
    api,
    lab,
    browser,
    async signedIn(role, name = role) {
      const { accounts } = lab.access
      if ((await accounts.knownName(name)) === undefined) {
        await accounts.create({ name, role, password: goodPassword })
        await lab.access.settle()
      }
      const signed = browser()
      const { status, body } = await signed.signIn(name, goodPassword)
      if (status !== 200) throw new Error(`${name} could not sign in: ${JSON.stringify(body)}`)
      return signed
    },
    async close() {
      await api.close()
      await lab.close()
    },
  }
}
