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

/** A `Blob` is sent as it is. @throws {ApiError} for any answer but 2xx, and for none */
export async function request<T>(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const text = await requestText(method, path, body, signal)
  return (text === '' ? undefined : parse(text)) as T
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
  try {
    return await requestOnce(method, path, body, signal)
  } catch (thrown) {
    // Nothing was done: it may be asked for again.
    if (!(thrown instanceof ApiError) || thrown.code !== 'CSRF_REFUSED') throw thrown
    if (await onForeignSession()) return await requestOnce(method, path, body, signal)
    throw new ApiError(thrown.code, doneElsewhere.message, doneElsewhere.hint, thrown.status)
  }
}

async function requestOnce(method: Method, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  const headers: Record<string, string> = { accept: 'application/json' }
  const isFile = body instanceof Blob
  if (body !== undefined) headers['content-type'] = isFile ? 'application/octet-stream' : 'application/json'
  // What nobody clicked must not keep an idle session alive.
  if (document.hidden || performance.now() - lastTouchedMs > touchedForMs) headers['x-hoist-background'] = '1'
  if (bearer !== undefined) headers.authorization = `Bearer ${bearer}`
  if (method !== 'GET' && csrf !== undefined) headers['x-hoist-csrf'] = csrf
  const answer = await fetch(path, {
    method,
    headers,
    credentials: 'same-origin',
    ...(body === undefined ? {} : { body: isFile ? body : JSON.stringify(body) }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((cause: unknown) => {
    if (signal?.aborted) throw cause
    throw new ApiError('UNREACHABLE', '', '', 0)
  })
  if (answer.ok) return answer
  const text = await answer.text()
  const parsed = text === '' ? undefined : parse(text)
  const { code = 'UNREADABLE', message = '', hint = '' } = (parsed ?? {}) as Partial<ApiError>
  if (answer.status === 401 && !path.startsWith('/api/session')) onSignedOut()
  const words = (code === 'INVALID_REQUEST' && refusalWords(message)) || { message, hint }
  throw new ApiError(code, words.message, words.hint, answer.status)
}

/** Whatever was thrown, as an ApiError. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  return new ApiError('PAGE', thrown instanceof Error ? thrown.message : String(thrown), '', 0)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // A proxy's own error page: the status says enough.
    return undefined
  }
}
