// Where notifications go. What a channel needs to prove itself lies among the secrets.
import type { NotificationChannel } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type Database, parseDocument, type Row, type Statements } from './database.ts'
import { applyPatch, type Patch } from './patch.ts'
import { channelSecret } from './secrets.ts'

export type NotificationChannelPatch = Patch<Omit<NotificationChannel, 'id' | 'createdAt'>>

export interface NotificationChannelRepository {
  create(channel: NotificationChannel): Promise<NotificationChannel>
  get(id: string): Promise<NotificationChannel | undefined>
  /** All, in the order in which they were made: there are a few. */
  list(): Promise<NotificationChannel[]>
  /** @throws {ApplianceError} NOT_FOUND */
  update(id: string, patch: NotificationChannelPatch): Promise<NotificationChannel>
  /** With its secret, and with what is still on its way to it. @throws {ApplianceError} NOT_FOUND */
  delete(id: string): Promise<void>
}

/** Channels in the database. */
export function notificationChannelRepository(database: Database): NotificationChannelRepository {
  return {
    async create(channel) {
      database.write(sql =>
        sql.run(
          'INSERT INTO notification_channels (id, created_at, enabled, document) VALUES (?, ?, ?, ?)',
          channel.id,
          Date.parse(channel.createdAt),
          Number(channel.enabled),
          JSON.stringify(channel),
        ),
      )
      return channel
    },

    async get(id) {
      return database.read(sql => find(sql, id))
    },

    async list() {
      return database.read(allChannels)
    },

    async update(id, patch) {
      return database.write(sql => {
        const found = find(sql, id)
        if (!found) throw missing(id)
        const channel = applyPatch<NotificationChannel>(found, patch)
        sql.run(
          'UPDATE notification_channels SET enabled = ?, document = ? WHERE id = ?',
          Number(channel.enabled),
          JSON.stringify(channel),
          id,
        )
        return channel
      })
    },

    async delete(id) {
      database.write(sql => {
        if (sql.run('DELETE FROM notification_channels WHERE id = ?', id) === 0) throw missing(id)
        sql.run('DELETE FROM secrets WHERE name = ?', channelSecret(id))
      })
    },
  }
}

/** All channels, inside of a transaction. */
export function allChannels(sql: Statements): NotificationChannel[] {
  return sql.all('SELECT id, document FROM notification_channels ORDER BY created_at, id').map(toChannel)
}

function find(sql: Statements, id: string): NotificationChannel | undefined {
  const row = sql.get('SELECT id, document FROM notification_channels WHERE id = ?', id)
  return row && toChannel(row)
}

function toChannel(row: Row): NotificationChannel {
  return parseDocument<NotificationChannel>(row.document, `notification channel ${String(row.id)}`)
}

function missing(id: string): ApplianceError {
  return new ApplianceError('NOT_FOUND', `There is no notification channel ${id}.`, {
    hint: 'List the channels to see which there are.',
  })
}
