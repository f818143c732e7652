// Channels as the API makes, changes, shows and tests them, and the history of what was told.
import type { Notification, NotificationChannel, NotificationEvent, NotificationTarget } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import type { Deliver } from './deliver.ts'
import { checkSmtpTarget } from './mail.ts'
import { checkWebhookUrl, shownWebhookUrl } from './webhook.ts'

/** What of the store the service needs: see store/notification-channels.ts. */
export interface ChannelRepository {
  create(channel: NotificationChannel): Promise<NotificationChannel>
  get(id: string): Promise<NotificationChannel | undefined>
  list(): Promise<NotificationChannel[]>
  /** @throws {ApplianceError} NOT_FOUND */
  update(id: string, patch: Partial<Omit<NotificationChannel, 'id' | 'createdAt'>>): Promise<NotificationChannel>
  /** Also its secret and what it has still to deliver. @throws {ApplianceError} NOT_FOUND */
  delete(id: string): Promise<void>
}

/** SMTP passwords and signing keys, by channel. */
export interface ChannelSecrets {
  get(channelId: string): Promise<string | undefined>
  set(channelId: string, secret: string): Promise<void>
  delete(channelId: string): Promise<void>
}

export interface HistoryPage {
  items: {
    notification: Notification
    deliveries: {
      channelId: string
      state: 'pending' | 'delivered' | 'failed'
      attempts: number
      nextTryAt?: string
      deliveredAt?: string
      error?: string
    }[]
  }[]
  next?: string
}

export interface NotificationServiceOptions {
  channels: ChannelRepository
  secrets: ChannelSecrets
  history(page: { after?: string; limit?: number }): Promise<HistoryPage>
  deliver: Deliver
  now(): Date
  newId(): string
}

/** A channel as a user enters it. The secret stands apart, as it goes another way. */
export interface ChannelInput {
  name: string
  enabled: boolean
  events: NotificationEvent[]
  target: NotificationTarget
  secret?: string
}

export function notificationService(options: NotificationServiceOptions) {
  const { channels, secrets, history, deliver, now, newId } = options
  const find = async (id: string) => {
    const channel = await channels.get(id)
    if (channel) return channel
    throw new ApplianceError('NOT_FOUND', `There is no notification channel ${id}.`, {
      hint: 'List the channels to see which there are.',
    })
  }
  return {
    list: async () => (await channels.list()).map(shown),

    get: async (id: string) => shown(await find(id)),

    async create({ secret, ...input }: ChannelInput): Promise<NotificationChannel> {
      checkTarget(input.target)
      if (needsSecret(input.target) !== (secret !== undefined))
        throw secret === undefined ? secretMissing(input.target) : secretUnused(input.target)
      const channel = { ...input, id: newId(), createdAt: now().toISOString() }
      // First the secret: a channel without it could not deliver.
      if (secret !== undefined) await secrets.set(channel.id, secret)
      try {
        return shown(await channels.create(channel))
      } catch (thrown) {
        await secrets.delete(channel.id)
        throw thrown
      }
    },

    async change(id: string, { secret, ...patch }: Partial<ChannelInput>): Promise<NotificationChannel> {
      const before = await find(id)
      const target = unmasked(patch.target ?? before.target, before.target)
      checkTarget(target)
      // A stored password goes to the server that it was entered for, and to no other.
      const stale = needsSecret(target) && !sameReceiver(before.target, target)
      if (stale && secret === undefined) throw secretMissing(target)
      if (secret !== undefined && !needsSecret(target)) throw secretUnused(target)
      if (secret !== undefined) await secrets.set(id, secret)
      const changed = await channels.update(id, { ...patch, target })
      if (!needsSecret(target)) await secrets.delete(id)
      return shown(changed)
    },

    remove: (id: string) => channels.delete(id),

    /** Sends now, past the outbox. @throws {ApplianceError} with what the receiver did not take, and a hint */
    async test(id: string, signal: AbortSignal): Promise<void> {
      const channel = await find(id)
      await deliver(channel, testNotification(channel, now(), newId()), signal)
    },

    history,
  }
}

export type NotificationService = ReturnType<typeof notificationService>

/** Nobody is shown what may be a secret, whatever their role: who has it has entered it. */
function shown(channel: NotificationChannel): NotificationChannel {
  const { target } = channel
  return target.kind === 'webhook' ? { ...channel, target: { ...target, url: shownWebhookUrl(target.url) } } : channel
}

/** What comes back as it was shown was not changed. */
function unmasked(target: NotificationTarget, before: NotificationTarget): NotificationTarget {
  const isAsShown = target.kind === 'webhook' && before.kind === 'webhook' && target.url === shownWebhookUrl(before.url)
  return isAsShown ? before : target
}

function testNotification(channel: NotificationChannel, now: Date, id: string): Notification {
  return {
    // One that the channel wants, so that a subscription's filter lets it pass.
    event: channel.events[0] ?? 'runFailed',
    id: `test:${id}`,
    at: now.toISOString(),
    title: 'Test: this channel works',
    text: `This is a test of the notification channel "${channel.name}", asked for by a user of the appliance.\n\nThere is nothing to do.`,
    details: { test: 'true', channelId: channel.id },
  }
}

function checkTarget(target: NotificationTarget): void {
  if (target.kind === 'webhook') checkWebhookUrl(target.url)
  if (target.kind === 'smtp') checkSmtpTarget(target)
}

function needsSecret(target: NotificationTarget): boolean {
  return target.kind === 'webhook' || (target.kind === 'smtp' && target.username !== undefined)
}

/** A signing key never leaves, so a webhook may move with it. */
function sameReceiver(one: NotificationTarget, other: NotificationTarget): boolean {
  if (one.kind !== 'smtp' || other.kind !== 'smtp') return one.kind === other.kind
  const { host, port, security, username } = one
  return other.host === host && other.port === port && other.security === security && other.username === username
}

function secretMissing(target: NotificationTarget): ApplianceError {
  return target.kind === 'smtp'
    ? new ApplianceError('INVALID_REQUEST', `The password of ${target.username} on ${target.host} is missing.`, {
        hint: 'Enter it with the server: a stored one is not sent to another server or for another account.',
      })
    : new ApplianceError('INVALID_REQUEST', 'The signing key of the webhook is missing.', {
        hint: 'Make a random one of 32 characters or more, and enter it here and in the receiver.',
      })
}

function secretUnused(target: NotificationTarget): ApplianceError {
  return new ApplianceError('INVALID_REQUEST', `A channel of this kind (${target.kind}) uses no such secret.`, {
    hint: 'Leave the password out, or enter the user name that goes with it.',
  })
}
