// The outbox: once per occasion, to each channel that wants it, until it was delivered or given up.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Notification, NotificationChannel } from '../../appliance/domain.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { notificationChannelRepository } from '../../appliance/store/notification-channels.ts'
import { type NotificationRepository, notificationRepository } from '../../appliance/store/notifications.ts'

function open(t: Test) {
  const database = openDatabase(join(t.testdir(), 'hoist.db'))
  t.teardown(() => database.close())
  return { channels: notificationChannelRepository(database), notifications: notificationRepository(database) }
}

function channel(id: string, changes: Partial<NotificationChannel> = {}): NotificationChannel {
  return {
    id,
    name: id,
    enabled: true,
    events: ['runFailed', 'jobPaused'],
    target: { kind: 'sns', topicArn: `arn:aws:sns:eu-central-1:123456789012:${id}` },
    createdAt: '2026-03-01T00:00:00.000Z',
    ...changes,
  }
}

function notification(number: number, changes: Partial<Notification> = {}): Notification {
  return {
    event: 'runFailed',
    id: `runFailed/run-${number}`,
    at: new Date(Date.UTC(2026, 2, 1) + number * 60_000).toISOString(),
    title: `Run ${number} failed`,
    text: 'Look at the run.',
    details: { runId: `run-${number}` },
    ...changes,
  }
}

const later = new Date('2026-03-01T12:00:00Z')

async function due(notifications: NotificationRepository, now = later): Promise<string[]> {
  return (await notifications.pending(now)).map(({ notification, channel }) => `${notification.id} ${channel.id}`)
}

t.test('it is noted once, for the enabled channels that want it', async t => {
  const { channels, notifications } = open(t)
  await channels.create(channel('a'))
  await channels.create(channel('b', { enabled: false }))
  await channels.create(channel('c', { events: ['recovered'] }))
  t.equal(await notifications.add(notification(1)), true)
  t.equal(await notifications.add(notification(1, { title: 'again' })), false)
  t.strictSame(await notifications.pending(later), [
    { notification: notification(1), channel: channel('a'), attempts: 0 },
  ])
  await channels.create(channel('d'))
  t.strictSame(await due(notifications), ['runFailed/run-1 a'], 'a new channel is not told of old times')
  t.equal(await notifications.add(notification(2)), true)
  t.strictSame(await due(notifications), ['runFailed/run-1 a', 'runFailed/run-2 a', 'runFailed/run-2 d'])
  t.equal((await notifications.pending(later, 2)).length, 2)
})

t.test('what was delivered or given up is not due; what failed is, when its time has come', async t => {
  const { channels, notifications } = open(t)
  for (const id of ['a', 'b', 'c']) await channels.create(channel(id))
  await notifications.add(notification(1))
  await notifications.delivered('runFailed/run-1', 'a', later)
  await notifications.failed('runFailed/run-1', 'b', { nextTryAt: '2026-03-01T12:05:00.000Z', error: 'MAIL_FAILED' })
  await notifications.failed('runFailed/run-1', 'c', { error: 'WEBHOOK_FAILED' })
  t.strictSame(await due(notifications), [])
  t.match(await notifications.pending(new Date('2026-03-01T12:05:00Z')), [{ channel: { id: 'b' }, attempts: 1 }])
  t.strictSame((await notifications.list()).items, [
    {
      notification: notification(1),
      deliveries: [
        { channelId: 'a', state: 'delivered', attempts: 1, deliveredAt: later.toISOString() },
        { channelId: 'b', state: 'pending', attempts: 1, nextTryAt: '2026-03-01T12:05:00.000Z', error: 'MAIL_FAILED' },
        { channelId: 'c', state: 'failed', attempts: 1, error: 'WEBHOOK_FAILED' },
      ],
    },
  ])
  await notifications.delivered('runFailed/run-1', 'b')
  t.match((await notifications.list()).items[0]?.deliveries[1], { state: 'delivered', attempts: 2 })
})

t.test('a clock that ran ahead holds nothing back for longer than a day', async t => {
  const { channels, notifications } = open(t)
  await channels.create(channel('a'))
  await notifications.add(notification(1, { at: '2031-01-01T00:00:00.000Z' }))
  t.strictSame(await due(notifications), ['runFailed/run-1 a'])
})

t.test('a channel that is switched off waits, one that is deleted is told nothing more', async t => {
  const { channels, notifications } = open(t)
  await channels.create(channel('a'))
  await notifications.add(notification(1))
  await channels.update('a', { enabled: false })
  t.strictSame(await due(notifications), [])
  await channels.update('a', { enabled: true })
  t.strictSame(await due(notifications), ['runFailed/run-1 a'])
  await channels.delete('a')
  t.strictSame(await due(notifications), [])
  await t.rejects(notifications.delivered('runFailed/run-1', 'a'), { code: 'NOT_FOUND' })
  await t.rejects(notifications.failed('runFailed/run-1', 'a', { error: 'x' }), { code: 'NOT_FOUND' })
  t.match((await notifications.list()).items, [{ deliveries: [] }])
})

t.test('the list is newest first, in pages, and forgets what is old', async t => {
  const { channels, notifications } = open(t)
  await channels.create(channel('a'))
  for (let number = 0; number < 250; number++) await notifications.add(notification(number))
  const first = await notifications.list({ limit: 2 })
  t.match(first.items, [{ notification: { id: 'runFailed/run-249' } }, { notification: { id: 'runFailed/run-248' } }])
  t.match((await notifications.list({ limit: 1, after: first.next })).items, [
    { notification: { id: 'runFailed/run-247' } },
  ])
  t.equal(await notifications.prune(new Date(Date.UTC(2026, 2, 1) + 240 * 60_000)), 240)
  t.equal((await notifications.list()).items.length, 10)
  t.equal((await due(notifications)).length, 10)
  t.equal(await notifications.prune(new Date(0)), 0)
})
