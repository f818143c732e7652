// Writes the audit log: every change that somebody asks for, with what it changed, and how it ended; and what is carried off.
import type { FastifyRequest } from 'fastify'
import { plainAddress } from '../accounts/client-address.ts'
import { addressKey, createRateLimit } from '../accounts/rate-limit.ts'
import { withoutSecrets } from '../accounts/without-secrets.ts'
import type { AuditRecord, AuditRepository } from '../store/audit.ts'
import type { Routes } from './routes.ts'

export interface AuditOptions {
  audit: AuditRepository
  nowMs: () => number
  /** What a route changes, to be looked at before and after. By method and route. */
  views: Readonly<Record<string, (params: Record<string, string>) => Promise<unknown>>>
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by a route that finds out by itself who asks. */
    auditActor: AuditRecord['actor'] | undefined
    auditBefore: unknown
    audited: boolean
  }
}

/** They change nothing, and hold what must not be written down. */
const unrecorded = new Set(['POST /api/password-check', 'POST /api/settings/vcenter/certificate'])
/** They change nothing, but carry off what somebody may ask for one day. */
const recordedReads = new Set(['GET /api/support/bundle'])
/** Who is not known is recorded here only: otherwise anybody could fill the log. */
const recordedForNobody = new Set(['POST /api/session', 'POST /api/setup/code'])
/** A request that has not the documented form, or that came too often, has done nothing. */
const unrecordedCodes = new Set(['INVALID_REQUEST', 'RATE_LIMITED', 'SIGN_IN_LOCKED'])
/** Entries of what was refused, by person or address: no flood of them may drive out what was done. */
const refusals = { burst: 60, perSecond: 1 / 30 }
/** Between two prunings, entries. */
const pruneEvery = 200

/** Records each request that changes something, or carries off a whole, before its answer leaves. */
export function recordChanges(app: Routes, { audit, nowMs, views }: AuditOptions): void {
  const refused = createRateLimit({ ...refusals, nowMs })
  let written = 0
  app.decorateRequest('auditActor', undefined)
  app.decorateRequest('auditBefore', undefined)
  app.decorateRequest('audited', false)
  const look = async (request: FastifyRequest) => {
    try {
      return withoutSecrets(await views[lineOf(request)]?.(paramsOf(request)))
    } catch {
      // What is not there, or cannot be read, is what the request itself will say.
      return undefined
    }
  }
  app.addHook('preHandler', async request => {
    if (isRecorded(request)) request.auditBefore = await look(request)
  })
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.audited || !isRecorded(request)) return payload
    // An error while the answer is written comes by here again.
    request.audited = true
    try {
      const status = reply.statusCode
      const code = status >= 400 ? codeOf(payload) : undefined
      const actor = actorOf(request)
      if (actor.kind === 'nobody' && !recordedForNobody.has(lineOf(request))) return payload
      if (code !== undefined && unrecordedCodes.has(code)) return payload
      const outcome = status < 400 ? 'done' : status < 500 ? 'refused' : 'failed'
      if (outcome !== 'done' && refused.take(`${actor.kind} ${actor.id ?? addressKey(request.ip)}`) > 0) return payload
      const after = status < 400 ? await look(request) : undefined
      await audit.add({
        at: new Date(nowMs()).toISOString(),
        actor,
        address: plainAddress(request.ip),
        method: request.method,
        route: request.routeOptions.url ?? '',
        target: paramsOf(request),
        status,
        outcome,
        ...(code === undefined ? {} : { code }),
        ...requested(request),
        ...(request.auditBefore === undefined ? {} : { before: request.auditBefore }),
        ...(after === undefined ? {} : { after }),
      })
      written += 1
      if (written % pruneEvery === 0) await audit.prune()
    } catch (err) {
      // What was done cannot be undone: the answer says so all the same.
      request.log.error({ err, route: lineOf(request) }, 'audit log not written')
    }
    return payload
  })
}

function isRecorded(request: FastifyRequest): boolean {
  const line = lineOf(request)
  if (request.method === 'GET' || request.method === 'HEAD') return recordedReads.has(line)
  return request.routeOptions.url !== undefined && !unrecorded.has(line)
}

function lineOf({ method, routeOptions }: FastifyRequest): string {
  return `${method} ${routeOptions.url ?? ''}`
}

function paramsOf({ params }: FastifyRequest): Record<string, string> {
  if (typeof params !== 'object' || params === null) return {}
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]))
}

/** Body and query. Of a sign-in nothing: people type passwords where the name belongs. */
function requested(request: FastifyRequest): { request?: unknown } {
  if (recordedForNobody.has(lineOf(request))) return {}
  const { body, query } = request
  const isEmpty = (value: unknown) => typeof value !== 'object' || value === null || Object.keys(value).length === 0
  if (isEmpty(body) && isEmpty(query)) return {}
  return { request: withoutSecrets(isEmpty(query) ? body : { ...Object(query), ...Object(body) }) }
}

function actorOf({ auditActor, principal }: FastifyRequest): AuditRecord['actor'] {
  if (auditActor) return auditActor
  if (principal?.kind === 'account' || principal?.kind === 'token')
    return { kind: principal.kind, name: principal.name, id: principal.id }
  if (principal?.kind === 'local') return { kind: 'local', name: 'a script on the appliance' }
  if (principal?.kind === 'setup') return { kind: 'setup', name: 'whoever knew the setup code' }
  return { kind: 'nobody', name: 'nobody known' }
}

function codeOf(payload: unknown): string | undefined {
  if (typeof payload !== 'string') return undefined
  return /"code":"([A-Z][A-Z0-9_]*)"/.exec(payload)?.[1]
}
