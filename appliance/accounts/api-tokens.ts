// API tokens: made, recognised, revoked.
import { randomUUID } from 'node:crypto'
import { ApplianceError } from '../errors.ts'
import type { ApiToken, ApiTokenRepository } from '../store/api-tokens.ts'
import { hashOf, newSecret } from './bearer-secret.ts'

/** So that a token is known for one when it turns up in the wrong place. */
export const tokenPrefix = 'hoist_'
/** What is noted of a token's use is at most this old, milliseconds. */
const touchMs = 60_000
/** Of one account: whoever needs more forgot to revoke some. */
const maxTokens = 100

/** Whose tokens: an account's, or (undefined) all there are. */
type Owner = string | undefined

/** The verbs on API tokens. */
export class ApiTokens {
  readonly #tokens: ApiTokenRepository
  readonly #nowMs: () => number

  constructor(tokens: ApiTokenRepository, nowMs: () => number) {
    this.#tokens = tokens
    this.#nowMs = nowMs
  }

  /** `secret` is shown this once. */
  async create(accountId: Owner, { name, readOnly }: { name: string; readOnly: boolean }) {
    if ((await this.#tokens.list(accountId)).length >= maxTokens)
      throw new ApplianceError('INVALID_REQUEST', `There are ${maxTokens} API tokens already.`, {
        hint: 'Revoke those that nobody uses.',
      })
    const secret = newSecret(tokenPrefix)
    const createdAt = new Date(this.#nowMs()).toISOString()
    const token = await this.#tokens.create({ id: randomUUID(), name, readOnly, createdAt }, hashOf(secret), accountId)
    return { token, secret }
  }

  async list(owner: Owner): Promise<ApiToken[]> {
    return await this.#tokens.list(owner)
  }

  /** One that is another's is as one that is not there. @throws {ApplianceError} NOT_FOUND */
  async revoke(owner: Owner, id: string): Promise<void> {
    const token = await this.#tokens.get(id)
    if (!token || (owner !== undefined && token.account?.id !== owner))
      throw new ApplianceError('NOT_FOUND', `There is no API token ${id}.`, {
        hint: 'List the tokens to see which there are.',
      })
    await this.#tokens.delete(id)
  }

  /** The token that a request has shown; undefined when there is none. */
  async find(secret: string): Promise<ApiToken | undefined> {
    if (!secret.startsWith(tokenPrefix)) return undefined
    const token = await this.#tokens.byHash(hashOf(secret))
    if (!token) return undefined
    const nowMs = this.#nowMs()
    if (Math.abs(nowMs - Date.parse(token.lastUsedAt ?? '1970-01-01')) >= touchMs)
      await this.#tokens.touch(token.id, new Date(nowMs))
    return token
  }

  async isLive(id: string): Promise<boolean> {
    return (await this.#tokens.get(id)) !== undefined
  }
}
