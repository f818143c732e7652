// The outbox: what people are to be told of, and how far it is on its way to each channel.
import { setImmediate } from 'node:timers/promises'
import type { Notification, NotificationChannel, NotificationEvent } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { batchRows, type Database, parseDocument, type Row, type Statements } from './database.ts'
import { allChannels } from './notification-channels.ts'
import { decodeCursor, type Page, type PageRequest, pageLimit, toPage } from './paging.ts'

/** A notification that one channel has not got yet. */
export interface PendingDelivery {
  notification: Notification
  channel: NotificationChannel
  /** How often it was tried in vain. */
  attempts: number
}

export interface Delivery {
  channelId: string
  /** `failed` is given up; what will be tried again is `pending`, with the last error. */
  state: 'pending' | 'delivered' | 'failed'
  attempts: number
  nextTryAt?: string
  deliveredAt?: string
  error?: string
}

export interface NotificationRecord {
  notification: Notification
  deliveries: Delivery[]
}

export interface NotificationRepository {
  /** Notes it for every enabled channel that wants its event, all in one transaction. Once per id: false when it is known already. */
  add(notification: Notification): Promise<boolean>
  /** What is due for enabled channels, longest due first; of one event only where it is named. */
  pending(now: Date, limit?: number, event?: NotificationEvent): Promise<PendingDelivery[]>
  /** @throws {ApplianceError} NOT_FOUND when it is not on its way: its channel was deleted meanwhile */
  delivered(notificationId: string, channelId: string, at?: Date): Promise<void>
  /** Tried in vain; without `nextTryAt` (at most a day ahead) it is given up. @throws {ApplianceError} NOT_FOUND as `delivered` */
  failed(notificationId: string, channelId: string, outcome: { nextTryAt?: string; error: string }): Promise<void>
  /** Newest first. */
  list(request?: PageRequest): Promise<Page<NotificationRecord>>
  /** Forgets those of before `before`, delivered or not. Returns how many. */
  prune(before: Date): Promise<number>
}

/** Longer pauses than this are not asked for: what is due later than that was noted under a clock that ran ahead. */
const longestPauseMs = 24 * 3_600_000

/** The outbox in the database. */
export function notificationRepository(database: Database): NotificationRepository {
  return {
    async add(notification) {
      return database.write(sql => {
        const atMs = Date.parse(notification.at)
        const rows = sql.run(
          'INSERT INTO notifications (id, at, document) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING',
          notification.id,
          atMs,
          JSON.stringify(notification),
        )
        if (rows === 0) return false
        for (const channel of allChannels(sql))
          if (channel.enabled && channel.events.includes(notification.event))
            sql.run(
              'INSERT INTO deliveries (notification_id, channel_id, attempts, next_try_at) VALUES (?, ?, 0, ?)',
              notification.id,
              channel.id,
              atMs,
            )
        return true
      })
    },

    async pending(now, limit, event) {
      const rows = database.read(sql =>
        sql.all(
          `SELECT notification_id, channel_id, attempts, notifications.document AS notification, channels.document AS channel
           FROM deliveries
           JOIN notifications ON notifications.id = notification_id
           JOIN notification_channels AS channels ON channels.id = channel_id AND channels.enabled = 1
           WHERE next_try_at IS NOT NULL AND (next_try_at <= ? OR next_try_at > ?)
             AND ifnull(notifications.document ->> '$.event' = ?, 1)
           ORDER BY next_try_at, notification_id, channel_id LIMIT ?`,
          now.getTime(),
          now.getTime() + longestPauseMs,
          event ?? null,
          pageLimit({ limit }),
        ),
      )
      return rows.map(row => ({
        notification: toNotification(row.notification, row.notification_id),
        channel: parseDocument<NotificationChannel>(row.channel, `notification channel ${String(row.channel_id)}`),
        attempts: Number(row.attempts),
      }))
    },

    async delivered(notificationId, channelId, at = new Date()) {
      const rows = database.write(sql =>
        sql.run(
          `UPDATE deliveries SET delivered_at = ?, next_try_at = NULL, error = NULL, attempts = attempts + 1
           WHERE notification_id = ? AND channel_id = ?`,
          at.getTime(),
          notificationId,
          channelId,
        ),
      )
      if (rows === 0) throw missing(notificationId, channelId)
    },

    async failed(notificationId, channelId, { nextTryAt, error }) {
      const rows = database.write(sql =>
        sql.run(
          `UPDATE deliveries SET next_try_at = ?, error = ?, attempts = attempts + 1
           WHERE notification_id = ? AND channel_id = ?`,
          nextTryAt === undefined ? null : Date.parse(nextTryAt),
          error,
          notificationId,
          channelId,
        ),
      )
      if (rows === 0) throw missing(notificationId, channelId)
    },

    async list(request = {}) {
      const limit = pageLimit(request)
      const [key, id] =
        request.after === undefined ? [Number.MAX_SAFE_INTEGER, ''] : decodeCursor(request.after, 'number')
      return database.read(sql => {
        const rows = sql.all(
          'SELECT id, document FROM notifications WHERE (at, id) < (?, ?) ORDER BY at DESC, id DESC LIMIT ?',
          key,
          id,
          limit + 1,
        )
        const records = rows.map(row => toRecord(sql, row))
        return toPage(records, limit, ({ notification }) => [Date.parse(notification.at), notification.id])
      })
    },

    async prune(before) {
      let removed = 0
      for (;;) {
        const rows = database.write(sql =>
          sql.run(
            'DELETE FROM notifications WHERE id IN (SELECT id FROM notifications WHERE at < ? LIMIT ?)',
            before.getTime(),
            batchRows,
          ),
        )
        removed += rows
        if (rows < batchRows) return removed
        await setImmediate()
      }
    },
  }
}

function toRecord(sql: Statements, row: Row): NotificationRecord {
  const deliveries = sql.all('SELECT * FROM deliveries WHERE notification_id = ? ORDER BY channel_id', String(row.id))
  return { notification: toNotification(row.document, row.id), deliveries: deliveries.map(toDelivery) }
}

function toDelivery(row: Row): Delivery {
  const { next_try_at: nextTryAt, delivered_at: deliveredAt, error } = row
  return {
    channelId: String(row.channel_id),
    state: deliveredAt !== null ? 'delivered' : nextTryAt !== null ? 'pending' : 'failed',
    attempts: Number(row.attempts),
    ...(nextTryAt === null ? {} : { nextTryAt: new Date(Number(nextTryAt)).toISOString() }),
    ...(deliveredAt === null ? {} : { deliveredAt: new Date(Number(deliveredAt)).toISOString() }),
    ...(error === null ? {} : { error: String(error) }),
  }
}

function toNotification(document: unknown, id: unknown): Notification {
  return parseDocument<Notification>(document, `notification ${String(id)}`)
}

function missing(notificationId: string, channelId: string): ApplianceError {
  return new ApplianceError(
    'NOT_FOUND',
    `The notification ${notificationId} is not on its way to the channel ${channelId}.`,
    {
      hint: 'List the notifications and channels to see which there are.',
    },
  )
}
