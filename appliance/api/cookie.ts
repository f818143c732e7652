// The session's cookie: read from a request, set, and taken back.

/** `__Host-`: browsers take it over https only, from this very host and for all its paths, and no other host can plant one. */
export const cookieName = '__Host-hoist'
const attributes = 'Path=/; Secure; HttpOnly; SameSite=Strict'

/** What the cookie holds; undefined when there is none, or more than one, of which one is somebody else's. */
export function readCookie(header: string | undefined): string | undefined {
  const values = (header ?? '').split(';').flatMap(pair => {
    const at = pair.indexOf('=')
    return at > 0 && pair.slice(0, at).trim() === cookieName ? [pair.slice(at + 1).trim()] : []
  })
  const [value] = values
  return values.length === 1 && value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined
}

/** Ends with the browser; the server ends it sooner. */
export function setCookie(secret: string): string {
  return `${cookieName}=${secret}; ${attributes}`
}

export function clearCookie(): string {
  return `${cookieName}=; Max-Age=0; ${attributes}`
}
