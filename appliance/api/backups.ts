// Backups of database and settings: listed, made, carried off and brought in under a passphrase.

import type { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { AccessService } from '../accounts/access-service.ts'
import { addressKey } from '../accounts/rate-limit.ts'
import { ApplianceError } from '../errors.ts'
import type { Routes } from './routes.ts'
import {
  type Backup,
  BackupList,
  BackupParams,
  Backup as BackupSchema,
  ExportBody,
  ImportAnswer,
  ImportBody,
  Uploaded,
} from './schemas/backups.ts'
import { errorAnswers } from './schemas/common.ts'
import { takeUpload, UploadBody, uploadRoutes, uploadType } from './upload-body.ts'

export interface BackupService {
  list(): Promise<Backup[]>
  create(): Promise<Backup>
  /** @throws {ApplianceError} NOT_FOUND */
  export(name: string, passphrase: string): Promise<ExportedFile>
  /** Keeps the bytes for `import`, in the place of earlier ones. @throws {ApplianceError} STORE_UNAVAILABLE */
  upload(content: AsyncIterable<Uint8Array>): Promise<Uploaded>
  /** @throws {ApplianceError} NOT_FOUND, EXPORT_*, STORE_NEWER, STORE_LOCKED */
  import(passphrase: string): Promise<ImportAnswer>
  /** The answer to an import that went well has been sent: the appliance may start anew. */
  answered(): void
}

export interface ExportedFile {
  fileName: string
  sizeBytes: number
  content: Readable
}

const tags = ['backups']

export function backupRoutes(app: Routes, backups: BackupService, access: Pick<AccessService, 'accounts'>): void {
  app.get(
    '/api/backups',
    { schema: { summary: 'Backups, newest first', tags, response: { 200: BackupList, ...errorAnswers } } },
    async () => ({ items: await backups.list() }),
  )
  app.post(
    '/api/backups',
    { schema: { summary: 'Make a backup now', tags, response: { 201: BackupSchema, ...errorAnswers } } },
    async (_request, reply) => reply.code(201).send(await backups.create()),
  )
  app.post(
    '/api/backups/:name/export',
    {
      schema: {
        summary: 'A backup as one file under a passphrase, with all secrets: what a new appliance is restored from',
        tags,
        params: BackupParams,
        body: ExportBody,
        response: {
          200: {
            description: 'The export',
            content: { [uploadType]: { schema: Type.Unsafe<Readable>({ type: 'string', format: 'binary' }) } },
          },
          ...errorAnswers,
        },
      },
    },
    async (request, reply) => {
      await confirm(request, access)
      const { fileName, sizeBytes, content } = await backups.export(request.params.name, request.body.passphrase)
      return reply
        .header('content-type', uploadType)
        .header('content-length', sizeBytes)
        .header('content-disposition', `attachment; filename="${fileName}"`)
        .send(content)
    },
  )
  uploadRoutes(app, scope =>
    scope.put(
      '/api/backups/upload',
      {
        schema: {
          summary: 'Send an exported backup, to be imported; it takes the place of one that was sent before',
          tags,
          consumes: [uploadType],
          body: UploadBody,
          response: { 200: Uploaded, ...errorAnswers },
        },
      },
      request => takeUpload(request.raw, ({ content }) => backups.upload(content)),
    ),
  )
  app.post(
    '/api/backups/import',
    {
      schema: {
        summary: 'Put the backup that was sent in the place of everything that is stored; the appliance starts anew',
        tags,
        body: ImportBody,
        response: { 200: ImportAnswer, ...errorAnswers },
      },
    },
    async (request, reply) => {
      await confirm(request, access)
      const answer = await backups.import(request.body.passphrase)
      // Also when whoever asked has given up waiting: the next start opens it, whatever happens.
      reply.raw.once('close', () => backups.answered())
      return answer
    },
  )
}

/** A session that somebody left open must not be enough; in a setup there is no account yet. */
async function confirm(
  request: Pick<FastifyRequest<{ Body: { password?: string } }>, 'principal' | 'body' | 'ip'>,
  { accounts }: Pick<AccessService, 'accounts'>,
): Promise<void> {
  const { principal, body } = request
  if (principal?.kind !== 'account') return
  if (body.password === undefined)
    throw new ApplianceError('INVALID_REQUEST', 'body must have required property password', {
      hint: 'Send the password of your account with it: this is about everything that is stored.',
    })
  await accounts.confirmPassword(principal, body.password, addressKey(request.ip))
}
