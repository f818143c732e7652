// The page itself: files of webui/dist under a strict content security policy; every path of the page answers with the document.
import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'

export interface PageOptions {
  /** What `npm run build` makes. */
  directory: string
}

/** Nothing from elsewhere, nothing inline, in nobody's frame. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const headers = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
} as const

/** A hashed name never gets other content. */
const forEver = 'public, max-age=31536000, immutable'
/** Asked again each time: with an upgrade the document names other files. */
const revalidate = 'no-cache'

const document = 'index.html'

/** `GET /*`: files by their names, the document for every path without one; and `/api/docs`, which is a place of the page. */
export async function pageRoutes(app: Routes, { directory }: PageOptions): Promise<void> {
  await app.register(fastifyStatic, {
    root: directory,
    serve: false,
    cacheControl: false,
    dotfiles: 'deny',
    index: false,
    preCompressed: true,
  })
  const schema = { hide: true, querystring: Type.Object({}) }
  // Of the routes alone: it runs after the API's own, that has everything forgotten.
  const onSend = async (request: FastifyRequest, reply: FastifyReply) => {
    if (reply.statusCode < 400) {
      reply.header('cache-control', request.url.startsWith('/assets/') ? forEver : revalidate)
    }
  }
  const send = (path: string, reply: FastifyReply) => {
    reply.headers(headers)
    if (posix.extname(path) !== '') return reply.sendFile(path)
    if (existsSync(join(directory, document))) return reply.sendFile(document)
    return reply.code(503).type('text/plain').send('The page has not been built: run "npm run build".\n')
  }
  app.get('/*', { schema, onSend }, (request, reply) => {
    const path = decoded(request.url)
    // What is asked of the API is answered by the API, also when it has no such route.
    if (isOfTheApi(request.url)) throw notOfTheApi(path)
    // No file has such a name, and the file system does not even take it.
    if (path?.includes('\0'))
      throw new ApplianceError('NOT_FOUND', 'There is no such file', { hint: 'Go to / for the page.' })
    return send(path ?? '', reply as unknown as FastifyReply)
  })
  app.get('/api/docs', { schema, onSend }, (_request, reply) => send('', reply as unknown as FastifyReply))
}

/** Whether no page is asked for, whatever stands there. */
export function isOfTheApi(url: string): boolean {
  return /^\/(api|metrics)(\/|$)/.test(url)
}

/** The path without query and first slash; undefined for one that is no UTF-8. */
function decoded(url: string): string | undefined {
  const [path = ''] = url.slice(1).split('?', 1)
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}

function notOfTheApi(path: string | undefined): ApplianceError {
  const hint = 'Compare the request with /api/openapi.json.'
  if (path === undefined) return new ApplianceError('INVALID_REQUEST', 'The path is no UTF-8', { hint })
  return new ApplianceError('NOT_FOUND', `There is no GET /${path}`, { hint })
}
