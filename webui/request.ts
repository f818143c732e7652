// One request to the API: the session's cookie, the CSRF header, errors by code.

import { doneElsewhere, refusalWords } from './locale/en-refusals.ts'

/** An answer that is no success, or none at all. */
export class ApiError extends Error {
  readonly code: string
  readonly hint: string
  /** 0 when there was no answer. */
  readonly status: number

  constructor(code: string, message: string, hint: string, status: number) {
    super(message)
    this.code = code
    this.hint = hint
    this.status = status
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** A request this long after the last key or click was made by a timer, milliseconds. */
const touchedForMs = 5_000
let lastTouchedMs = 0
for (const kind of ['pointerdown', 'keydown'])
  globalThis.addEventListener?.(
    kind,
    () => {
      lastTouchedMs = performance.now()
    },
    { capture: true, passive: true },
  )

let csrf: string | undefined
let bearer: string | undefined
let onSignedOut: () => void = () => undefined
let onForeignSession: () => Promise<boolean> = async () => false

/** What requests that change something carry from now on; undefined when signed out. */
export function setCsrf(value: string | undefined): void {
  csrf = value
}

/** What every request shows from now on: the rescue mode has no accounts. */
export function setBearer(token: string): void {
  bearer = token
}

/** Called whenever the API says that there is no session any more. */
export function whenSignedOut(act: () => void): void {
  onSignedOut = act
}

/**
 * Called when the session is another one than the page knows: another window has signed in. Resolves with whether the same
 * person goes on, with the new session's value.
 */
export function whenSessionIsForeign(act: () => Promise<boolean>): void {
  onForeignSession = act
}

/** @throws {ApiError} for any answer but 2xx, and for none */
export async function request<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  return parseAnswer(await requestText(method, path, body, signal)) as T
}

/** As `request`, for what is no JSON. @throws {ApiError} for any answer but 2xx, and for none */
export async function requestText(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<string> {
  return await (await answerTo(method, path, body, signal)).text()
}

export interface NamedFile {
  blob: Blob
  name: string
}

/** As `request`, for a file to be saved. @throws {ApiError} for any answer but 2xx, for none, and for one that breaks off */
export async function requestFile(method: Method, path: string, body?: unknown): Promise<NamedFile> {
  const answer = await answerTo(method, path, body)
  const [, name = 'file'] = /filename="([^"]+)"/.exec(answer.headers.get('content-disposition') ?? '') ?? []
  const blob = await answer.blob().catch(() => {
    throw new ApiError('UNREACHABLE', '', '', 0)
  })
  return { blob, name }
}

async function answerTo(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  return await inOwnSession(() => requestOnce(method, path, body, signal))
}

/** Asks once more when the session was only that of another window. */
export async function inOwnSession<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (thrown) {
    // Nothing was done: it may be asked for again.
    if (!(thrown instanceof ApiError) || thrown.code !== 'CSRF_REFUSED') throw thrown
    if (await onForeignSession()) return await ask()
    throw new ApiError(thrown.code, doneElsewhere.message, doneElsewhere.hint, thrown.status)
  }
}

async function requestOnce(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const answer = await fetch(path, {
    method,
    headers: headersFor(method, body === undefined ? undefined : 'application/json'),
    credentials: 'same-origin',
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((cause: unknown) => {
    if (signal?.aborted) throw cause
    throw new ApiError('UNREACHABLE', '', '', 0)
  })
  if (answer.ok) return answer
  throw refusalIn(path, answer.status, await answer.text())
}

/** What proves whose request it is, and whether somebody is there. */
export function headersFor(method: Method, bodyType: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { accept: 'application/json' }
  if (bodyType !== undefined) headers['content-type'] = bodyType
  // What nobody clicked must not keep an idle session alive.
  if (document.hidden || performance.now() - lastTouchedMs > touchedForMs) headers['x-hoist-background'] = '1'
  if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`
  if (method !== 'GET' && csrf !== undefined) headers['x-hoist-csrf'] = csrf
  return headers
}

/** An answer that is no success, in words; that there is no session any more is told to whoever asked to know. */
export function refusalIn(path: string, status: number, text: string): ApiError {
  const { code = 'UNREADABLE', message = '', hint = '' } = (parseAnswer(text) ?? {}) as Partial<ApiError>
  if (status === 401 && !path.startsWith('/api/session')) onSignedOut()
  const words = (code === 'INVALID_REQUEST' && refusalWords(message)) || { message, hint }
  return new ApiError(code, words.message, words.hint, status)
}

/** Whatever was thrown, as an ApiError. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  return new ApiError('PAGE', thrown instanceof Error ? thrown.message : String(thrown), '', 0)
}

/** JSON; undefined for nothing, and for what is none: a proxy's own error page, of which the status says enough. */
export function parseAnswer(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}
