// Accounts of people: made, changed, removed; and how they sign in.
import { randomUUID } from 'node:crypto'
import { ApplianceError } from '../errors.ts'
import type { Account, AccountRepository, Role } from '../store/accounts.ts'
import { createPasswordHasher, type PasswordHasher } from './password-hash.ts'
import { requireGoodPassword } from './password-rules.ts'
import { SignInLimit } from './sign-in-limit.ts'

export interface AccountsOptions {
  accounts: AccountRepository
  nowMs: () => number
  hasher?: PasswordHasher
}

export interface AccountWithLock extends Account {
  lockedUntil?: string
}

/** The verbs on accounts, with their rules. */
export class Accounts {
  readonly #accounts: AccountRepository
  readonly #nowMs: () => number
  readonly #hasher: PasswordHasher
  readonly #limit: SignInLimit

  constructor({ accounts, nowMs, hasher = createPasswordHasher() }: AccountsOptions) {
    this.#accounts = accounts
    this.#nowMs = nowMs
    this.#hasher = hasher
    this.#limit = new SignInLimit({ accounts, nowMs })
  }

  hasAdministrator(): Promise<boolean> {
    return this.#accounts.hasAdministrator()
  }

  async list(): Promise<AccountWithLock[]> {
    const accounts = await this.#accounts.list()
    return await Promise.all(accounts.map(account => this.#withLock(account)))
  }

  /** @throws {ApplianceError} NOT_FOUND */
  async get(id: string): Promise<AccountWithLock> {
    const account = await this.#accounts.get(id)
    if (account) return await this.#withLock(account)
    throw new ApplianceError('NOT_FOUND', `There is no account ${id}.`, {
      hint: 'List the accounts to see which there are.',
    })
  }

  /** The account's name as it is written, for one in any case; undefined when there is none. */
  async knownName(name: string): Promise<string | undefined> {
    return (await this.#accounts.byName(name))?.account.name
  }

  /** @throws {ApplianceError} PASSWORD_WEAK, ACCOUNT_EXISTS */
  async create(wanted: { name: string; role: Role; password: string }): Promise<Account> {
    const { account, passwordHash } = await this.#make(wanted)
    return await this.#accounts.create(account, passwordHash)
  }

  /** The account that claims the appliance. @throws {ApplianceError} PASSWORD_WEAK, ACCOUNT_EXISTS, ALREADY_CLAIMED */
  async createFirst(wanted: { name: string; password: string }): Promise<Account> {
    const { account, passwordHash } = await this.#make({ ...wanted, role: 'administrator' })
    return await this.#accounts.createFirst(account, passwordHash)
  }

  /**
   * A new role or password ends its sessions; a new password lifts a lock as well.
   * @throws {ApplianceError} NOT_FOUND, PASSWORD_WEAK, LAST_ADMINISTRATOR
   */
  async change(id: string, change: { role?: Role; password?: string; unlock?: true }): Promise<AccountWithLock> {
    const { name } = await this.get(id)
    const { role, password, unlock } = change
    if (password !== undefined) requireGoodPassword(password, name)
    await this.#accounts.update(id, {
      ...(role === undefined ? {} : { role }),
      ...(password === undefined ? {} : { passwordHash: await this.#hasher.hash(password) }),
    })
    if (unlock || password !== undefined) await this.#accounts.forgetFailures(name)
    return await this.get(id)
  }

  /** @throws {ApplianceError} NOT_FOUND, LAST_ADMINISTRATOR */
  async remove(id: string): Promise<void> {
    await this.#accounts.delete(id)
  }

  /**
   * The account of a name and password. An unknown name answers as a wrong password does, and takes as long.
   * @throws {ApplianceError} SIGN_IN_FAILED, SIGN_IN_LOCKED, RATE_LIMITED
   */
  async signIn(name: string, password: string, addressKey: string): Promise<Account> {
    const account = await this.#prove(name, password, addressKey)
    if (!account)
      throw new ApplianceError('SIGN_IN_FAILED', 'Name or password is wrong.', {
        hint: 'Try again; a forgotten password is reset by an administrator, or on the console of the appliance.',
      })
    await this.#accounts.signedIn(account.id, new Date(this.#nowMs()))
    return account
  }

  /**
   * That it is still the person of the account who asks. Guesses count as failed sign-ins.
   * @throws {ApplianceError} PASSWORD_WRONG, SIGN_IN_LOCKED, RATE_LIMITED
   */
  async confirmPassword(account: Pick<Account, 'id' | 'name'>, password: string, addressKey: string): Promise<void> {
    const proven = await this.#prove(account.name, password, addressKey)
    if (proven?.id !== account.id)
      throw new ApplianceError('PASSWORD_WRONG', 'The present password is wrong.', { hint: 'Type it again.' })
  }

  /**
   * Ends all sessions of the account. Guesses of the present password count as failed sign-ins.
   * @throws {ApplianceError} PASSWORD_WRONG, PASSWORD_WEAK, SIGN_IN_LOCKED, RATE_LIMITED
   */
  async changeOwnPassword(
    account: Pick<Account, 'id' | 'name'>,
    passwords: { current: string; next: string },
    addressKey: string,
  ): Promise<void> {
    await this.confirmPassword(account, passwords.current, addressKey)
    if (passwords.next.normalize('NFKC') === passwords.current.normalize('NFKC'))
      throw new ApplianceError('PASSWORD_WEAK', 'The new password is the present one.', {
        hint: 'Choose another: a password is changed because somebody may know it.',
      })
    await this.change(account.id, { password: passwords.next })
  }

  /**
   * The way back from the console: a new password for an account, by its name; ends its sessions and lifts its lock.
   * @throws {ApplianceError} NOT_FOUND, PASSWORD_WEAK
   */
  async resetPassword(name: string, password: string): Promise<Account> {
    const found = await this.#accounts.byName(name)
    if (found) return await this.change(found.account.id, { password })
    const names = (await this.#accounts.list()).map(account => account.name)
    throw new ApplianceError('NOT_FOUND', `There is no account ${name}.`, {
      hint:
        names.length > 0 ? `The accounts are ${names.join(', ')}.` : 'There is none yet: set the appliance up first.',
    })
  }

  async #prove(name: string, password: string, addressKey: string): Promise<Account | undefined> {
    await this.#limit.check(name, addressKey)
    const found = await this.#accounts.byName(name)
    const right = await this.#hasher.verify(password, found?.passwordHash)
    // Others guessed meanwhile, all at once: what they have used up holds for this one too.
    await this.#limit.check(name, addressKey)
    if (right && found) {
      await this.#limit.succeeded(name)
      return found.account
    }
    await this.#limit.failed(name, addressKey)
    return undefined
  }

  async #make({ name, role, password }: { name: string; role: Role; password: string }) {
    requireGoodPassword(password, name)
    const createdAt = new Date(this.#nowMs()).toISOString()
    const account: Account = { id: randomUUID(), name, role, createdAt }
    return { account, passwordHash: await this.#hasher.hash(password) }
  }

  async #withLock(account: Account): Promise<AccountWithLock> {
    const lockedUntil = await this.#limit.lockedUntil(account.name)
    return { ...account, ...(lockedUntil === undefined ? {} : { lockedUntil }) }
  }
}
