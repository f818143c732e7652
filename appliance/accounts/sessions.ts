// Sessions of browsers: opened, recognised, ended.
import type { Account } from '../store/accounts.ts'
import type { Session, SessionRepository } from '../store/sessions.ts'
import { csrfOf, hashOf, newSecret, sameText } from './bearer-secret.ts'

/** Without a request that somebody made by hand, milliseconds. */
export const idleMs = 30 * 60_000
/** From sign-in, whatever is done, milliseconds. */
export const absoluteMs = 12 * 3_600_000
/** What is noted of a session's use is at most this old: a write for each request would be too many, milliseconds. */
const touchMs = 60_000

export interface OpenSession {
  /** What the cookie holds. It is nowhere else. */
  secret: string
  /** For the header x-hoist-csrf. */
  csrf: string
  /** Idle or absolute end, whichever is sooner. */
  expiresAt: string
}

/** A session that a request has shown. */
export interface FoundSession extends OpenSession {
  hash: string
  /** Undefined for the session of a setup. */
  account?: Pick<Account, 'id' | 'name' | 'role'>
}

/** Opens, finds and ends sessions. */
export class Sessions {
  readonly #sessions: SessionRepository
  readonly #nowMs: () => number

  constructor(sessions: SessionRepository, nowMs: () => number) {
    this.#sessions = sessions
    this.#nowMs = nowMs
  }

  /** Always a new secret: one that somebody planted before the sign-in is worth nothing after it. */
  async open(accountId: string | undefined): Promise<OpenSession> {
    const secret = newSecret()
    const atMs = this.#nowMs()
    await this.#sessions.prune(atMs - idleMs, atMs - absoluteMs)
    await this.#sessions.create({ hash: hashOf(secret), atMs, ...(accountId === undefined ? {} : { accountId }) })
    return { secret, csrf: csrfOf(secret), expiresAt: expiry({ createdAtMs: atMs, usedAtMs: atMs }) }
  }

  /** Undefined when there is none, or it has ended. `used`: somebody did something, and it stays alive for another while. */
  async find(secret: string, { used }: { used: boolean }): Promise<FoundSession | undefined> {
    const hash = hashOf(secret)
    const session = await this.#live(hash)
    if (!session) return undefined
    const nowMs = this.#nowMs()
    const touched = used && nowMs - session.usedAtMs >= touchMs
    if (touched) await this.#sessions.touch(hash, nowMs)
    const { account, createdAtMs } = session
    return {
      secret,
      hash,
      csrf: csrfOf(secret),
      expiresAt: expiry({ createdAtMs, usedAtMs: touched ? nowMs : session.usedAtMs }),
      ...(account === undefined ? {} : { account }),
    }
  }

  /** Whether a session has not ended, by its hash; what looks does not keep it alive. */
  async isLive(hash: string): Promise<boolean> {
    return (await this.#live(hash)) !== undefined
  }

  async end(hash: string): Promise<void> {
    await this.#sessions.delete(hash)
  }

  /** Once there is an administrator. */
  async endSetup(): Promise<void> {
    await this.#sessions.deleteSetup()
  }

  async #live(hash: string): Promise<Session | undefined> {
    const session = await this.#sessions.get(hash)
    if (!session) return undefined
    const nowMs = this.#nowMs()
    const ended =
      nowMs >= session.usedAtMs + idleMs ||
      nowMs >= session.createdAtMs + absoluteMs ||
      // Made or used in the future: the clock was put back, and the session would live for longer than it may.
      nowMs < session.createdAtMs - clockSlackMs ||
      nowMs < session.usedAtMs - clockSlackMs
    if (!ended) return session
    await this.#sessions.delete(hash)
    return undefined
  }
}

/** NTP may put the clock back by so much without ending anybody's session, milliseconds. */
const clockSlackMs = 5 * 60_000

/** Whether the header belongs to the session. */
export function isCsrf(session: Pick<FoundSession, 'csrf'>, given: string): boolean {
  return sameText(session.csrf, given)
}

function expiry({ createdAtMs, usedAtMs }: { createdAtMs: number; usedAtMs: number }): string {
  return new Date(Math.min(usedAtMs + idleMs, createdAtMs + absoluteMs)).toISOString()
}
