// Where notifications go: kept, changed, and deleted with their secret.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { NotificationChannel } from '../../appliance/domain.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { allChannels, notificationChannelRepository } from '../../appliance/store/notification-channels.ts'
import { channelSecret, openSecretStore, openSecretsKey } from '../../appliance/store/secrets.ts'

function open(t: Test) {
  const directory = t.testdir()
  const database = openDatabase(join(directory, 'hoist.db'))
  t.teardown(() => database.close())
  return { database, directory, channels: notificationChannelRepository(database) }
}

const webhook: NotificationChannel = {
  id: 'c-1',
  name: 'Operations',
  enabled: true,
  events: ['runFailed', 'recovered'],
  target: { kind: 'webhook', url: 'https://hooks.example/1' },
  createdAt: '2026-03-01T00:00:00.000Z',
}

t.test('channels come back as they were made, in the order of their making', async t => {
  const { channels, database } = open(t)
  t.strictSame(await channels.list(), [])
  const older: NotificationChannel = {
    ...webhook,
    id: 'c-0',
    createdAt: '2026-02-01T00:00:00.000Z',
    target: { kind: 'smtp', host: 'mail.example', port: 465, security: 'tls', from: 'a@example', to: ['b@example'] },
  }
  t.strictSame(await channels.create(webhook), webhook)
  await channels.create(older)
  t.strictSame(await channels.list(), [older, webhook])
  t.strictSame(database.read(allChannels), [older, webhook])
  t.strictSame(await channels.get('c-0'), older)
  t.equal(await channels.get('none'), undefined)
})

t.test('a change changes its fields only', async t => {
  const { channels } = open(t)
  await channels.create(webhook)
  const changed = await channels.update('c-1', { enabled: false, events: [] })
  t.strictSame(changed, { ...webhook, enabled: false, events: [] })
  t.strictSame(await channels.get('c-1'), changed)
  await t.rejects(channels.update('none', {}), { code: 'NOT_FOUND', message: /none/ })
})

t.test('a deleted channel takes its secret along, and no other', async t => {
  const { channels, database, directory } = open(t)
  const secrets = openSecretStore(database, await openSecretsKey(directory, ''))
  await channels.create(webhook)
  await channels.create({ ...webhook, id: 'c-2' })
  for (const id of ['c-1', 'c-2']) await secrets.set(channelSecret(id), `key of ${id}`)
  await channels.delete('c-1')
  t.equal(await secrets.get(channelSecret('c-1')), undefined)
  t.equal(await secrets.get(channelSecret('c-2')), 'key of c-2')
  t.match(await channels.list(), [{ id: 'c-2' }])
  await t.rejects(channels.delete('c-1'), { code: 'NOT_FOUND' })
})
