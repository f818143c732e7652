// The setup code: who reads it on the console may claim the appliance. It lives until there is an administrator.
import { randomInt } from 'node:crypto'
import { ApplianceError, toApplianceError } from '../errors.ts'
import type { AccountRepository } from '../store/accounts.ts'
import type { SecretStore } from '../store/secrets.ts'
import { sameText } from './bearer-secret.ts'
import { createRateLimit, type RateLimit } from './rate-limit.ts'

/** Without vowels, that it spells nothing; without I, L, O, S, 5 and the like, that it is read and typed without doubt. */
const letters = 'BCDFGHJKMNPQRTVWXZ'
const groups = 4
const groupLength = 4

/** What was given at the deployment is kept behind this mark, which no code of our own begins with. */
const givenMark = '='
/** Anybody may know that nothing else was given. */
const givenCode = /^[\x20-\x7e]{12,64}$/

/** Per address: five at once, then one in half a minute. */
const perAddress = { burst: 5, perSecond: 1 / 30 }
/** All addresses together: 18^16 codes are then safe for longer than the Earth. */
const altogether = { burst: 30, perSecond: 1 }

export interface SetupCodeOptions {
  accounts: AccountRepository
  secrets: SecretStore
  nowMs: () => number
}

/** The code of this appliance. */
export class SetupCode {
  readonly #accounts: AccountRepository
  readonly #secrets: SecretStore
  readonly #perAddress: RateLimit
  readonly #altogether: RateLimit

  constructor({ accounts, secrets, nowMs }: SetupCodeOptions) {
    this.#accounts = accounts
    this.#secrets = secrets
    this.#perAddress = createRateLimit({ ...perAddress, nowMs })
    this.#altogether = createRateLimit({ ...altogether, nowMs })
  }

  /**
   * The code to be shown on the console, `KWTR-BHMX-PQNV-DGFJ`: the same one at every start, until there is an administrator;
   * then undefined, as it is when a code was given at the deployment: that one is shown nowhere. Ours is sealed and not
   * hashed, as a console that was not read in time has to show it again.
   */
  async ensure(): Promise<string | undefined> {
    if (await this.#accounts.hasAdministrator()) {
      await this.forget()
      return undefined
    }
    const kept = await this.#kept()
    if (kept !== undefined) return kept.startsWith(givenMark) ? undefined : kept
    const code = newCode()
    await this.#secrets.set('setup.code', code)
    return code
  }

  /** A code that was given at the deployment takes the place of our own; nothing happens once there is an administrator. */
  async adopt(given: string): Promise<void> {
    const code = given.trim()
    if (!givenCode.test(code)) throw wrongCode('A setup code has 12 to 64 printable characters.')
    if (!(await this.#accounts.hasAdministrator())) await this.#secrets.set('setup.code', `${givenMark}${code}`)
  }

  /** @throws {ApplianceError} SETUP_CODE_WRONG; RATE_LIMITED; ALREADY_CLAIMED when there is an administrator */
  async check(given: string, addressKey: string): Promise<void> {
    await this.refuseClaimed()
    // A slip while typing is no guess, and how long a code is, everybody may know: it costs no attempt.
    const kept = await this.#kept()
    const known = kept?.startsWith(givenMark)
    if (known && !givenCode.test(given.trim())) throw wrongCode('The setup code has 12 to 64 characters.')
    if (!known && plain(given).length !== groups * groupLength) throw wrongCode('The setup code has 16 letters.')
    const waitMs = Math.max(this.#perAddress.take(addressKey), this.#altogether.take(''))
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1000)
      throw new ApplianceError('RATE_LIMITED', 'Too many setup codes were tried.', {
        retryAfterSeconds: seconds,
        hint: `Wait ${seconds} seconds, then type the code that the console shows.`,
      })
    }
    // What has another letter is compared too: the time says nothing of it.
    const same = known
      ? sameText(`${givenMark}${given.trim()}`, kept ?? '')
      : sameText(plain(given), plain(kept ?? newCode()))
    if (same && kept !== undefined) return
    throw wrongCode('This is not the setup code.')
  }

  /** @throws {ApplianceError} ALREADY_CLAIMED */
  async refuseClaimed(): Promise<void> {
    if (!(await this.#accounts.hasAdministrator())) return
    throw new ApplianceError('ALREADY_CLAIMED', 'This appliance has an administrator already.', {
      hint: 'Sign in; a forgotten password is reset on the console of the appliance.',
    })
  }

  /** Once there is an administrator. */
  async forget(): Promise<void> {
    await this.#secrets.delete('setup.code')
  }

  async #kept(): Promise<string | undefined> {
    try {
      return await this.#secrets.get('setup.code')
    } catch (thrown) {
      // The key file was replaced: nobody can use that code any more, and a new one is made.
      if (toApplianceError(thrown).code === 'SECRET_UNREADABLE') return undefined
      throw thrown
    }
  }
}

function newCode(): string {
  const group = () => Array.from({ length: groupLength }, () => letters[randomInt(letters.length)]).join('')
  return Array.from({ length: groups }, group).join('-')
}

function wrongCode(message: string): ApplianceError {
  return new ApplianceError('SETUP_CODE_WRONG', message, {
    hint: "Type the code that was given at the deployment, or else the 16 letters on the appliance's console: there, blanks, dashes and case do not matter.",
  })
}

function plain(code: string): string {
  return code.toUpperCase().replace(/[^\p{L}\p{N}]/gu, '')
}
