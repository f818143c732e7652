// The log and its bundle, a report to copy, and whether bundles go to the bucket by themselves.
import type { Readable } from 'node:stream'
import { Type } from 'typebox'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import { BundleQuery, LogList, LogQuery, LogUploadBody, LogUploadView, SupportView } from './schemas/support.ts'

export interface SupportService {
  view(): Promise<SupportView>
  /** Newest first. */
  logs(query: Omit<LogQuery, 'limit'> & { limit: number }): Promise<LogList>
  /** Made while it is read. */
  bundle(query: { from?: Date; to?: Date; obfuscate?: boolean }): { fileName: string; content: Readable }
  report(): Promise<string>
  setLogUpload(enabled: boolean): Promise<LogUploadView>
}

const tags = ['support']
const defaultLimit = 100
/** Each keeps a core busy for seconds. */
const bundlesAtOnce = 2

export function supportRoutes(app: Routes, support: SupportService): void {
  let bundles = 0
  app.get(
    '/api/support',
    { schema: { summary: 'The log files and their upload', tags, response: { 200: SupportView, ...errorAnswers } } },
    () => support.view(),
  )
  app.get(
    '/api/support/logs',
    {
      schema: {
        summary: 'Lines of the log, newest first',
        tags,
        querystring: LogQuery,
        response: { 200: LogList, ...errorAnswers },
      },
    },
    ({ query: { limit = defaultLimit, ...query } }) => support.logs({ ...query, limit }),
  )
  app.get(
    '/api/support/bundle',
    {
      // A HEAD would make the whole of it for nothing.
      exposeHeadRoute: false,
      schema: {
        summary: 'The log bundle: logs of a span of time, versions, settings without secrets, health, runs, network',
        tags,
        querystring: BundleQuery,
        response: {
          200: {
            description: 'A tar.gz, made while it is sent',
            content: { 'application/gzip': { schema: Type.Unsafe<Readable>({ type: 'string', format: 'binary' }) } },
          },
          ...errorAnswers,
        },
      },
    },
    async (request, reply) => {
      const { from, to, obfuscate = false } = request.query
      const span = {
        ...(from === undefined ? {} : { from: momentOf(from) }),
        ...(to === undefined ? {} : { to: momentOf(to) }),
      }
      if (bundles >= bundlesAtOnce) {
        throw new ApplianceError('RATE_LIMITED', 'Log bundles are being downloaded already', {
          hint: 'Wait for their end.',
        })
      }
      bundles++
      const { fileName, content } = support.bundle({ ...span, obfuscate })
      content.once('close', () => bundles--)
      return reply
        .header('content-type', 'application/gzip')
        .header('content-disposition', `attachment; filename="${fileName}"`)
        .send(content)
    },
  )
  app.get(
    '/api/support/report',
    {
      schema: {
        summary: 'A text to copy into a ticket, without names and addresses',
        tags,
        response: {
          200: {
            description: 'Plain text',
            content: { 'text/plain': { schema: Type.String() } },
          },
          ...errorAnswers,
        },
      },
    },
    async (_request, reply) => reply.type('text/plain; charset=utf-8').send(await support.report()),
  )
  app.put(
    '/api/settings/log-upload',
    {
      schema: {
        summary: "Whether a log bundle goes to the connector's bucket once a day",
        tags,
        body: LogUploadBody,
        response: { 200: LogUploadView, ...errorAnswers },
      },
    },
    request => support.setLogUpload(request.body.enabled),
  )
}

/** The form is checked; a 31st of February is not. */
function momentOf(text: string): Date {
  const moment = new Date(text)
  if (!Number.isNaN(moment.getTime())) return moment
  throw new ApplianceError('INVALID_REQUEST', `"${text}" is no moment`, { hint: 'Write it as 2026-03-01T08:00:00Z.' })
}
