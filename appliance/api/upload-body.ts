// Bodies that are files: read by their route as they come, never held in memory, and never parsed.
import type { IncomingMessage } from 'node:http'
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'
import { Type } from 'typebox'
import { takesItsTime } from './connection-limits.ts'
import type { Routes } from './routes.ts'

export const uploadType = 'application/octet-stream'

/** What a route of `uploadRoutes` documents as its body; it is not validated. */
export const UploadBody = Type.Unsafe<unknown>({ type: 'string', format: 'binary' })

/** Registers routes that take bytes, in `request.raw`, and no other body. */
export function uploadRoutes(app: Routes, register: (scope: Routes) => void): void {
  void app.register(async scope => {
    scope.removeAllContentTypeParsers()
    // The route reads it; the audit log and the validation have nothing of it in their hands.
    scope.addContentTypeParser(uploadType, (_request, _payload, done) => done(null))
    const validate = scope.validatorCompiler as FastifySchemaCompiler<FastifySchema>
    scope.setValidatorCompiler(route => (route.httpPart === 'body' ? () => true : validate(route)))
    register(scope as Routes)
  })
}

/** A file on its way in. */
export interface Upload {
  content: AsyncIterable<Buffer>
  /** As far as it is said beforehand. */
  sizeBytes?: number
}

export interface UploadLimits {
  /** Longest time without a byte, milliseconds. */
  silenceMs: number
  /** As much of a file that was refused is still read. */
  wasteBytes: number
}

const defaultLimits: UploadLimits = {
  // A computer that was put to sleep says nothing, and nobody else can upload meanwhile. Longer than a bundle is waited for,
  // which says why it was not taken.
  silenceMs: 150_000,
  // Twice the largest bundle.
  wasteBytes: 2 ** 30,
}

/**
 * Hands a body to whoever takes it. What they do not take is read and thrown away: a browser sees an answer only when all has
 * been sent.
 */
export async function takeUpload<T>(
  raw: IncomingMessage,
  take: (upload: Upload) => Promise<T>,
  { silenceMs, wasteBytes }: UploadLimits = defaultLimits,
): Promise<T> {
  takesItsTime(raw)
  const pieces = raw.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>
  const next = async () => {
    const timer = setTimeout(() => raw.destroy(new Error(`No byte came for ${silenceMs} ms`)), silenceMs).unref()
    return await pieces.next().finally(() => clearTimeout(timer))
  }
  async function* content(): AsyncGenerator<Buffer> {
    for (let piece = await next(); !piece.done; piece = await next()) yield piece.value
  }
  async function throwAway(): Promise<void> {
    const { socket } = raw
    const gone = () => raw.destroy()
    // Node tells a request of that only until it is answered.
    socket.once('close', gone)
    let waste = 0
    try {
      for (let piece = await next(); !piece.done; piece = await next()) {
        waste += piece.value.length
        if (waste > wasteBytes) raw.destroy()
      }
    } finally {
      socket.off('close', gone)
    }
  }
  const length = raw.headers['content-length']
  try {
    return await take({ content: content(), ...(length === undefined ? {} : { sizeBytes: Number(length) }) })
  } finally {
    void throwAway().catch(() => undefined) // Whoever has gone away wants no answer.
  }
}
