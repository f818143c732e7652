// All that decides who may use the appliance, wired together on one store.
import type { Account, AccountRepository } from '../store/accounts.ts'
import type { ApiTokenRepository } from '../store/api-tokens.ts'
import type { AuditRepository } from '../store/audit.ts'
import type { SecretStore } from '../store/secrets.ts'
import type { SessionRepository } from '../store/sessions.ts'
import type { SetupProgressRepository } from '../store/setup-progress.ts'
import { Accounts } from './accounts.ts'
import { ApiTokens } from './api-tokens.ts'
import type { PasswordHasher } from './password-hash.ts'
import { type OpenSession, Sessions } from './sessions.ts'
import { SetupCode } from './setup-code.ts'
import { SetupProgress } from './setup-progress.ts'

export interface AccessStore {
  accounts: AccountRepository
  sessions: SessionRepository
  apiTokens: ApiTokenRepository
  audit: AuditRepository
  setupProgress: SetupProgressRepository
  secrets: SecretStore
}

export interface AccessService {
  accounts: Accounts
  sessions: Sessions
  tokens: ApiTokens
  setupCode: SetupCode
  setup: SetupProgress
  audit: AuditRepository
  nowMs: () => number
  /** The code for the console; undefined once there is an administrator. */
  ensureSetupCode(): Promise<string | undefined>
  /** Makes the administrator, ends everything that belongs to the setup, and signs in. @throws {ApplianceError} as `Accounts.createFirst` */
  claim(wanted: { name: string; password: string }): Promise<{ account: Account; session: OpenSession }>
  /** After any change of accounts: once there is an administrator, the code is gone. */
  settle(): Promise<void>
}

/** The services on a store. `now` is the clock that sessions and locks go by. */
export function accessService(
  store: AccessStore,
  options: { now: () => Date; hasher?: PasswordHasher },
): AccessService {
  const nowMs = () => options.now().getTime()
  const { hasher } = options
  const accounts = new Accounts({ accounts: store.accounts, nowMs, ...(hasher ? { hasher } : {}) })
  const sessions = new Sessions(store.sessions, nowMs)
  const setupCode = new SetupCode({ accounts: store.accounts, secrets: store.secrets, nowMs })
  const setup = new SetupProgress({
    progress: store.setupProgress,
    hasAdministrator: () => store.accounts.hasAdministrator(),
    nowMs,
  })
  const settle = async () => {
    if (!(await store.accounts.hasAdministrator())) return
    await setupCode.forget()
    await sessions.endSetup()
    await setup.claimed()
  }
  return {
    accounts,
    sessions,
    tokens: new ApiTokens(store.apiTokens, nowMs),
    setupCode,
    setup,
    audit: store.audit,
    nowMs,
    ensureSetupCode: () => setupCode.ensure(),
    async claim(wanted) {
      const account = await accounts.createFirst(wanted)
      await settle()
      return { account, session: await sessions.open(account.id) }
    },
    settle,
  }
}
