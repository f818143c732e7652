// Backups of database and settings: listed, made, downloaded. Restoring is the rescue mode's.
import type { Readable } from 'node:stream'
import { Type } from 'typebox'
import type { Routes } from './routes.ts'
import { type Backup, BackupList, BackupParams, Backup as BackupSchema } from './schemas/backups.ts'
import { errorAnswers } from './schemas/common.ts'

export interface BackupService {
  list(): Promise<Backup[]>
  create(): Promise<Backup>
  /** @throws {ApplianceError} NOT_FOUND */
  read(name: string): Promise<Readable>
}

const tags = ['backups']

export function backupRoutes(app: Routes, backups: BackupService): void {
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
  app.get(
    '/api/backups/:name',
    {
      // A HEAD would read the whole of it for nothing.
      exposeHeadRoute: false,
      schema: {
        summary: 'Download a backup; the passwords in it are sealed with a key that it does not hold',
        tags,
        params: BackupParams,
        response: {
          200: {
            description: 'The backup',
            content: {
              'application/octet-stream': { schema: Type.Unsafe<Readable>({ type: 'string', format: 'binary' }) },
            },
          },
          ...errorAnswers,
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params
      const content = await backups.read(name)
      return reply
        .header('content-type', 'application/octet-stream')
        .header('content-disposition', `attachment; filename="${name}"`)
        .send(content)
    },
  )
}
