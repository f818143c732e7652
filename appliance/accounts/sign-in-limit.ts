// Failed sign-ins: who guesses has to wait, by name and by address.
import { ApplianceError } from '../errors.ts'
import type { AccountRepository } from '../store/accounts.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'

/** Failures in a row that cost nothing: everybody mistypes. */
const freeFailures = 4
/** After the next one, milliseconds; doubled by each further one, up to `longestLockMs`. */
const firstLockMs = 30_000
const longestLockMs = 15 * 60_000
/** Failures are forgotten this long after the last, milliseconds. */
const forgetMs = 24 * 3_600_000
/** Failures per address, whatever the names: 20 at once, then one in half a minute. */
const perAddress = { burst: 20, perSecond: 1 / 30 }

export interface SignInLimitOptions {
  accounts: AccountRepository
  nowMs: () => number
}

/** Locks by name outlive a restart; those by address do not. */
export class SignInLimit {
  readonly #accounts: AccountRepository
  readonly #nowMs: () => number
  readonly #perAddress: RateLimit

  constructor({ accounts, nowMs }: SignInLimitOptions) {
    this.#accounts = accounts
    this.#nowMs = nowMs
    this.#perAddress = createRateLimit({ ...perAddress, nowMs })
  }

  /** Before the password is looked at: who is locked out learns nothing. @throws {ApplianceError} SIGN_IN_LOCKED */
  async check(name: string, addressKey: string): Promise<void> {
    const lockMs = await this.#lockMs(name)
    const waitMs = Math.max(lockMs, this.#perAddress.waitMs(addressKey))
    if (waitMs <= 0) return
    const retryAfterSeconds = Math.ceil(waitMs / 1000)
    throw new ApplianceError('SIGN_IN_LOCKED', 'There were too many failed sign-ins.', {
      retryAfterSeconds,
      hint: `Wait ${retryAfterSeconds} seconds. An administrator can unlock the account; on the console, "reset-password" does.`,
    })
  }

  async failed(name: string, addressKey: string): Promise<void> {
    this.#perAddress.take(addressKey)
    const nowMs = this.#nowMs()
    const last = await this.#accounts.failures(name)
    const failures = (last && Math.abs(nowMs - last.failedAtMs) < forgetMs ? last.failures : 0) + 1
    const over = failures - freeFailures
    const lockMs = over <= 0 ? 0 : Math.min(firstLockMs * 2 ** (over - 1), longestLockMs)
    await this.#accounts.setFailures(name, { failures, failedAtMs: nowMs, lockedUntilMs: lockMs && nowMs + lockMs })
  }

  async succeeded(name: string): Promise<void> {
    if (await this.#accounts.failures(name)) await this.#accounts.forgetFailures(name)
  }

  /** Until when a name is locked, for the list of accounts. */
  async lockedUntil(name: string): Promise<string | undefined> {
    const lockMs = await this.#lockMs(name)
    return lockMs > 0 ? new Date(this.#nowMs() + lockMs).toISOString() : undefined
  }

  async #lockMs(name: string): Promise<number> {
    const failures = await this.#accounts.failures(name)
    if (!failures) return 0
    // A clock that was put back must not lock anybody out for years.
    return Math.min(failures.lockedUntilMs - this.#nowMs(), longestLockMs)
  }
}
