// A browser as the API sees one: it keeps the cookie, sends the CSRF value, and says where it comes from.
import type { Routes } from '../../appliance/api/routes.ts'
import type { SessionView } from '../../appliance/api/schemas/session.ts'
import type { ApiAnswer } from './documented.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD'

export interface BrowserAnswer<T> {
  status: number
  body: T
  headers: Record<string, unknown>
}

/** Compares with the OpenAPI document, when there is something to compare with. */
type Compare = (answer: ApiAnswer) => string

export class Browser {
  readonly #api: Routes
  readonly #compare: Compare
  readonly #address: string
  /** Name and value. */
  cookie: string | undefined
  csrf: string | undefined

  constructor(
    api: Routes,
    { compare = () => '', address = '192.0.2.1' }: { compare?: Compare; address?: string } = {},
  ) {
    this.#api = api
    this.#compare = compare
    this.#address = address
  }

  async ask<T = { code?: string; message?: string; hint?: string }>(
    method: Method,
    url: string,
    payload?: object,
    headers: Record<string, string | undefined> = {},
  ): Promise<BrowserAnswer<T>> {
    const own = {
      host: 'appliance.example:8443',
      ...(method === 'GET' || method === 'HEAD' ? {} : { origin: 'https://appliance.example:8443' }),
      'sec-fetch-site': 'same-origin',
      cookie: this.cookie,
      'x-hoist-csrf': this.csrf,
      ...headers,
    }
    const answer = await this.#api.inject({
      method,
      url,
      remoteAddress: this.#address,
      headers: Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined)) as Record<
        string,
        string
      >,
      ...(payload === undefined ? {} : { payload }),
    })
    const set = answer.headers['set-cookie']
    if (typeof set === 'string') this.cookie = /Max-Age=0/.test(set) ? undefined : set.split(';')[0]
    const isJson = String(answer.headers['content-type']).startsWith('application/json')
    const body = answer.body === '' || !isJson ? undefined : answer.json()
    if (body && typeof body === 'object' && 'csrf' in body) this.csrf = String(body.csrf)
    const difference =
      isJson && method !== 'HEAD' ? this.#compare({ method, url, status: answer.statusCode, body }) : ''
    if (difference !== '') throw new Error(difference)
    return { status: answer.statusCode, body, headers: answer.headers }
  }

  signIn(name: string, password: string) {
    return this.ask<SessionView & { code?: string; hint?: string }>('POST', '/api/session', { name, password })
  }
}
