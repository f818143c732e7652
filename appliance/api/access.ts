// Who may use which route: one line for each. A route without a line cannot be registered.
import type { Role } from '../store/accounts.ts'
import type { Routes } from './routes.ts'

/** What a route asks of a request. Whoever has a role has those below it. */
export interface Access {
  /** `nobody`: it is open, and whoever sends a session or token with it is not looked at. */
  role: Role | 'anybody' | 'nobody'
  /** The session of a setup may, too. */
  setup?: true
  /** Only the session of a setup may. */
  setupOnly?: true
  /** Only who shows the token of the data directory may: the machine's own console. */
  localOnly?: true
  /** API tokens may not, whatever their role: they must not be able to make themselves heirs. */
  noTokens?: true
  /** The metrics token may, too. */
  metrics?: true
  /** Pages for everybody, but nothing below /api. */
  page?: true
}

const open: Access = { role: 'nobody' }
const page: Access = { role: 'nobody', page: true }
/** Open, but who asks matters. */
const anybody: Access = { role: 'anybody' }
const support: Access = { role: 'support' }
const operator: Access = { role: 'operator' }
const administrator: Access = { role: 'administrator' }
const person: Access = { role: 'support', noTokens: true }
const console: Access = { role: 'administrator', localOnly: true }
const personalAdministrator: Access = { role: 'administrator', noTokens: true }

/** By method and route; HEAD is as GET. */
export const accessTable: Readonly<Record<string, Access>> = {
  'GET /api/health/live': open,
  'GET /api/health/ready': open,
  'GET /api/openapi.json': open,
  'GET /*': page,
  // A place of the page: the document is the same, and what it shows is open.
  'GET /api/docs': open,
  'GET /metrics': { role: 'support', metrics: true },

  'GET /api/session': anybody,
  'POST /api/session': anybody,
  'DELETE /api/session': { ...person, setup: true },
  'PUT /api/session/password': person,
  'POST /api/setup/code': anybody,
  'POST /api/setup/administrator': { role: 'administrator', setupOnly: true },
  'GET /api/setup': { ...support, setup: true },
  'PUT /api/setup/steps/:id': { ...administrator, setup: true },
  'POST /api/password-check': { ...support, setup: true },
  'GET /api/local/console': console,
  'POST /api/local/console': console,
  'GET /api/accounts': administrator,
  'POST /api/accounts': personalAdministrator,
  'PATCH /api/accounts/:id': personalAdministrator,
  'DELETE /api/accounts/:id': personalAdministrator,
  'GET /api/tokens': support,
  'POST /api/tokens': person,
  'DELETE /api/tokens/:id': person,
  'GET /api/audit': administrator,

  'GET /api/settings': support,
  'POST /api/settings/vcenter/certificate': administrator,
  'PUT /api/settings/vcenter': administrator,
  'GET /api/vcenter/identity': support,
  'GET /api/vcenter/privileges': support,
  'PUT /api/settings/aws': administrator,
  'PUT /api/settings/log-upload': administrator,
  'GET /api/registration': support,
  'POST /api/registration': administrator,
  'DELETE /api/registration': administrator,
  'GET /api/connector': support,
  'GET /api/connectors': support,
  'POST /api/connector/decision': administrator,
  'GET /api/policy': support,
  'PUT /api/policy': administrator,
  'GET /api/system': support,
  'PUT /api/system/proxy': administrator,
  'GET /api/machine': support,
  'PUT /api/machine/network': administrator,
  'PUT /api/machine/hostname': administrator,
  'PUT /api/machine/time': administrator,
  'PUT /api/machine/ssh': administrator,
  'PUT /api/machine/updates': administrator,
  'POST /api/machine/restart': administrator,
  'POST /api/machine/reset': personalAdministrator,
  'GET /api/aws/policies': support,
  'GET /api/aws/regions': support,
  'GET /api/aws/identity': support,
  'POST /api/aws/bucket': administrator,
  'GET /api/web-certificate': support,
  'POST /api/web-certificate/request': personalAdministrator,
  'PUT /api/web-certificate': personalAdministrator,

  'GET /api/catalog': support,
  'POST /api/catalog/import': operator,
  'DELETE /api/catalog': operator,
  'GET /api/servers': support,
  'GET /api/servers/:id': support,
  'GET /api/jobs': support,
  'POST /api/jobs': operator,
  'GET /api/jobs/:id': support,
  'PATCH /api/jobs/:id': operator,
  'DELETE /api/jobs/:id': operator,
  'POST /api/jobs/:id/pause': operator,
  'POST /api/jobs/:id/resume': operator,
  'POST /api/jobs/:id/runs': operator,
  'GET /api/runs': support,
  'GET /api/runs/:id': support,
  'POST /api/runs/:id/cancel': operator,
  'POST /api/runs/:id/retry': operator,
  'GET /api/leftovers': support,
  'POST /api/leftovers/clean': administrator,
  'POST /api/leftovers/adopt': administrator,
  'GET /api/events': support,
  'GET /api/throughput': support,

  'GET /api/notifications': support,
  'GET /api/notifications/channels': support,
  'POST /api/notifications/channels': administrator,
  'GET /api/notifications/channels/:id': support,
  'PATCH /api/notifications/channels/:id': administrator,
  'DELETE /api/notifications/channels/:id': administrator,
  'POST /api/notifications/channels/:id/test': administrator,

  'GET /api/backups': support,
  'POST /api/backups': administrator,
  // It holds every secret, under a passphrase of whoever asks.
  'POST /api/backups/:name/export': personalAdministrator,
  'PUT /api/backups/upload': { ...personalAdministrator, setup: true },
  'POST /api/backups/import': { ...personalAdministrator, setup: true },
  'GET /api/upgrade': support,
  'POST /api/upgrade/bundle': administrator,
  'DELETE /api/upgrade/bundle': administrator,
  'POST /api/upgrade/fetch': administrator,
  'DELETE /api/upgrade/fetch': administrator,
  'GET /api/upgrade/releases': support,
  'POST /api/upgrade/install': administrator,
  'PUT /api/upgrade/settings': administrator,
  'GET /api/health': support,
  'POST /api/health/run': operator,
  'GET /api/support': support,
  'GET /api/support/logs': support,
  'GET /api/support/bundle': support,
  'GET /api/support/report': support,
}

/** For what no route matches: nobody learns which routes there are without being known. */
const unmatched = support

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
}

/** Gives each route that is registered from now on its line of the table, and refuses one without. */
export function requireAccess(app: Routes, table: Readonly<Record<string, Access>> = accessTable): void {
  app.addHook('onRoute', route => {
    const lines = [route.method].flat().map(method => {
      const line = `${method === 'HEAD' ? 'GET' : method} ${route.url}`
      // An error of the program: it must not start.
      if (!Object.hasOwn(table, line)) throw new Error(`The route "${line}" has no line in the table of api/access.ts`)
      return table[line]
    })
    const [access, ...others] = new Set(lines)
    if (access === undefined || others.length > 0) throw new Error(`The methods of ${route.url} have different lines`)
    route.config = { ...route.config, access }
    // The OpenAPI document says so too.
    if (access.role === 'nobody' || access.role === 'anybody') route.schema = { security: [], ...route.schema }
  })
}

/** What a request has to show. */
export function accessFor(routed: Access | undefined, url: string): Access {
  if (!routed) return unmatched
  if (routed.page && /^\/(api|metrics)([/?#]|$)/.test(url)) return unmatched
  return routed
}

const rank: Readonly<Record<Role, number>> = { administrator: 3, operator: 2, support: 1 }

/** Whether a role is at least another. */
export function hasRole(role: Role, wanted: Role): boolean {
  return rank[role] >= rank[wanted]
}
