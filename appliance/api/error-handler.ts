// Every error of the API as {code, message, hint}; what is internal stays inside.
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'
import type { ErrorBody } from './schemas/common.ts'

export function handleErrors(app: Routes): void {
  app.setErrorHandler((error: FastifyError | ApplianceError, request, reply) => answerError(error, request, reply))
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      code: 'NOT_FOUND',
      message: `There is no ${request.method} ${request.url.split('?')[0]}`,
      hint: 'The routes are listed in /api/openapi.json.',
    } satisfies ErrorBody),
  )
}

/** Answers with the error's public side, and logs the whole of what is the appliance's fault. */
export function answerError(
  error: FastifyError | ApplianceError,
  request: Pick<FastifyRequest, 'log'>,
  reply: Pick<FastifyReply, 'code' | 'header'>,
) {
  const { statusCode, body } = answerFor(error)
  if (statusCode >= 500) request.log.error({ err: error }, 'request failed')
  if (error instanceof ApplianceError && error.retryAfterSeconds !== undefined)
    reply.header('retry-after', error.retryAfterSeconds)
  return reply.code(statusCode).send(body)
}

/** What Node's parser refuses before there is a request: it ends the connection. */
const unparsed: Readonly<Record<string, { statusCode: number; message: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { statusCode: 408, message: 'The request did not arrive in time' },
  HPE_HEADER_OVERFLOW: { statusCode: 431, message: 'The address or the headers of the request are too long' },
}

/** Answers what is no request in the form of every other error, where somebody still listens. */
export function answerClientError(error: { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const { statusCode, message } = unparsed[error.code ?? ''] ?? { statusCode: 400, message: 'This is no HTTP request' }
  const body = JSON.stringify({
    code: 'INVALID_REQUEST',
    message,
    hint: 'Compare the request with /api/openapi.json.',
  } satisfies ErrorBody)
  const head = [
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'x-content-type-options: nosniff',
    'connection: close',
  ]
  if (socket.writable) socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  socket.destroySoon()
}

/** A named error keeps its words, unless it is INTERNAL; what Fastify refuses is INVALID_REQUEST; the rest says nothing of itself. */
function answerFor(error: FastifyError | ApplianceError): { statusCode: number; body: ErrorBody } {
  if (error instanceof ApplianceError && error.code !== 'INTERNAL') {
    const { statusCode, code, message, hint } = error
    return { statusCode, body: { code, message, hint } }
  }
  if (!(error instanceof ApplianceError) && isRefusal(error)) {
    return {
      statusCode: error.statusCode ?? 400,
      body: {
        code: 'INVALID_REQUEST',
        // Long ones repeat what was sent.
        message: error.message.slice(0, 500),
        hint: 'Compare the request with /api/openapi.json.',
      },
    }
  }
  return {
    statusCode: 500,
    body: {
      code: 'INTERNAL',
      message: 'The appliance could not do this',
      hint: 'The log says why: download the log bundle.',
    },
  }
}

/** Only Fastify's own words are for the sender: errors of libraries may have a status too, and say anything. */
function isRefusal(error: FastifyError): boolean {
  const isFastifys = error.validation !== undefined || (typeof error.code === 'string' && error.code.startsWith('FST_'))
  return isFastifys && error.statusCode !== undefined && error.statusCode < 500
}
