// Requests that a page of another site has sent through somebody's browser.
import { ApplianceError } from '../errors.ts'

/**
 * Refuses a request whose browser says that another site made it. Scripts send no such headers.
 * @throws {ApplianceError} ORIGIN_REFUSED
 */
export function refuseForeignOrigin(headers: {
  host?: string | undefined
  origin?: string | undefined
  'sec-fetch-site'?: string | string[] | undefined
}): void {
  const { host, origin, 'sec-fetch-site': site } = headers
  const foreignOrigin = origin !== undefined && !isOwn(origin, host)
  // A subdomain's page (same-site) is another's, too. `none`: typed, or a bookmark.
  const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none'
  if (!foreignOrigin && !foreignSite) return
  throw new ApplianceError('ORIGIN_REFUSED', 'The request comes from a page of another site.', {
    hint: "Use the appliance's own page, under the name or address that the browser shows.",
  })
}

/** `null` (a sandbox, a file) is nobody's. */
function isOwn(origin: string, host: string | undefined): boolean {
  if (host === undefined || !URL.canParse(origin) || !/^[\w.:[\]-]{1,255}$/.test(host)) return false
  const own = `https://${host}`
  return URL.canParse(own) && new URL(origin).origin === new URL(own).origin && origin.startsWith('https://')
}
