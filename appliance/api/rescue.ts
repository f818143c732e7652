// The API and the page while the database is damaged: what is wrong, what can be saved, and the way back to a backup. It changes nothing else.
import type { Readable } from 'node:stream'
import { type TypeBoxTypeProvider, TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify, { type FastifyBaseLogger, type FastifyError, LogController } from 'fastify'
import { Type } from 'typebox'
import type { ApplianceError } from '../errors.ts'
import type { ExportedFile } from './backups.ts'
import { limitConnections } from './connection-limits.ts'
import { answerClientError, answerError } from './error-handler.ts'
import { requireToken } from './local-token.ts'
import { isOfTheApi, type PageOptions, pageRoutes } from './page.ts'
import type { Routes } from './routes.ts'
import { Uploaded } from './schemas/backups.ts'
import { ErrorBody, errorAnswers, strict } from './schemas/common.ts'
import { RescueExportBody, RescueImportBody, RescueView, RestoreAnswer, RestoreBody } from './schemas/rescue.ts'
import { takeUpload, uploadRoutes, uploadType } from './upload-body.ts'

export interface RescueService {
  /** Why the appliance is not at work. */
  error: ApplianceError
  view(): Promise<RescueView>
  /** @throws {ApplianceError} NOT_FOUND */
  export(wanted: RescueExportBody): Promise<ExportedFile>
  /** Keeps the bytes for `import`, in the place of earlier ones. @throws {ApplianceError} STORE_UNAVAILABLE */
  upload(content: AsyncIterable<Uint8Array>): Promise<Uploaded>
  /** @throws {ApplianceError} NOT_FOUND, EXPORT_*, STORE_NEWER, STORE_LOCKED, STORE_UNAVAILABLE */
  import(passphrase: string): Promise<RestoreAnswer>
  /** @throws {ApplianceError} NOT_FOUND, STORE_DAMAGED, STORE_LOCKED, STORE_UNAVAILABLE */
  restore(backup: string): Promise<RestoreAnswer>
  /** The answer to a restore that went well has been sent. */
  answered(): void
}

export interface RescueApiOptions {
  /** PEM of the web certificate and its key. */
  tls: { cert: string; key: string }
  token: string
  log: FastifyBaseLogger
  rescue: RescueService
  /** Absent: the API alone. */
  page?: PageOptions
}

/** The name of a backup and a passphrase. */
const bodyLimitBytes = 4096

/** The API, ready to listen or to be injected into. */
export async function createRescueApi({ tls, token, log, rescue, page }: RescueApiOptions): Promise<Routes> {
  const app = fastify({
    https: { cert: tls.cert, key: tls.key, minVersion: 'TLSv1.2' },
    loggerInstance: log,
    bodyLimit: bodyLimitBytes,
    forceCloseConnections: true,
    logController: new LogController({ disableRequestLogging: true }),
    return503OnClosing: true,
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(TypeBoxValidatorCompiler)
  app.addSchema(ErrorBody)
  app.setErrorHandler((error: FastifyError | ApplianceError, request, reply) => answerError(error, request, reply))
  limitConnections(app)
  requireToken(app, token)
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  })
  rescueRoutes(app, rescue)
  if (page) await pageRoutes(app, page)
  return app
}

/** Routes of rescue mode; whatever else is asked for answers 503. */
export function rescueRoutes(app: Routes, rescue: RescueService): void {
  const damaged = (): ErrorBody => ({
    code: rescue.error.code,
    message: rescue.error.message,
    hint: rescue.error.hint,
  })
  // The page answers every path, but it knows nothing of what the API is otherwise.
  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === '/*' && isOfTheApi(request.url)) return reply.code(503).send(damaged())
    return undefined
  })
  const querystring = Type.Object({}, strict)
  app.get('/api/health/live', { schema: { querystring } }, () => ({ ok: true }))
  app.get('/api/health/ready', { schema: { querystring } }, (_request, reply) =>
    reply.code(503).send({ ok: false, code: rescue.error.code }),
  )
  app.get(
    '/api/rescue',
    {
      schema: {
        summary: 'What is wrong with the database, and which backups there are',
        tags: ['rescue'],
        querystring,
        response: { 200: RescueView, ...errorAnswers },
      },
    },
    () => rescue.view(),
  )
  app.post(
    '/api/rescue/export',
    {
      schema: {
        summary: 'The damaged database as it is, or a backup, as one file under a passphrase',
        tags: ['rescue'],
        querystring,
        body: RescueExportBody,
        response: { 200: Type.Unsafe<Readable>({ description: 'The file' }), ...errorAnswers },
      },
    },
    async (request, reply) => {
      const { fileName, sizeBytes, content } = await rescue.export(request.body)
      return reply
        .type(uploadType)
        .header('content-length', sizeBytes)
        .header('content-disposition', `attachment; filename="${fileName}"`)
        .send(content)
    },
  )
  uploadRoutes(app, scope =>
    scope.put(
      '/api/rescue/upload',
      {
        schema: {
          summary: 'Takes an exported backup, to be imported',
          tags: ['rescue'],
          querystring,
          response: { 200: Uploaded, ...errorAnswers },
        },
      },
      request => takeUpload(request.raw, ({ content }) => rescue.upload(content)),
    ),
  )
  app.post(
    '/api/rescue/import',
    {
      schema: {
        summary:
          'Puts the exported backup that was sent in the place of the database; the appliance then starts as usual',
        tags: ['rescue'],
        querystring,
        body: RescueImportBody,
        response: { 200: RestoreAnswer, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const restored = await rescue.import(request.body.passphrase)
      reply.raw.once('close', () => rescue.answered())
      return restored
    },
  )
  app.post(
    '/api/rescue/restore',
    {
      schema: {
        summary: 'Puts a backup in the place of the database; the appliance then starts as usual',
        tags: ['rescue'],
        querystring,
        body: RestoreBody,
        response: { 200: RestoreAnswer, ...errorAnswers },
      },
    },
    async (request, reply) => {
      const restored = await rescue.restore(request.body.backup)
      // Also when whoever asked has given up waiting: the backup stands in the database's place by now.
      reply.raw.once('close', () => rescue.answered())
      return restored
    },
  )
  app.setNotFoundHandler((_request, reply) => reply.code(503).send(damaged()))
}
