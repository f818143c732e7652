// The whole API on real accounts and a clock that the test sets; the other services answer with nothing.
import type { Routes } from '../../appliance/api/routes.ts'
import type { ApiOptions } from '../../appliance/api/server.ts'
import { type AccessLab, goodPassword, startAccessLab } from '../accounts/access-lab.ts'
import { Browser } from './browser.ts'
import { documented } from './documented.ts'
import { apiOf } from './memory-api.ts'

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
  const api = await apiOf({ access: lab.access, ...services }, empty)
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

/** A service that has nothing. */
function empty<T extends object>(): T {
  return new Proxy({} as T, { get: () => async () => ({}) })
}
