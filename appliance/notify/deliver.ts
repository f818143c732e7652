// One notification to one channel, whatever its kind.
import type { AwsClients } from '../aws/clients.ts'
import { publishToTopic } from '../aws/sns.ts'
import type { Notification, NotificationChannel } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { sendMail } from './mail.ts'
import { sendWebhook } from './webhook.ts'

export interface DeliverOptions {
  /** @throws {ApplianceError} NOT_CONFIGURED before AWS has been set up */
  aws(): Promise<AwsClients>
  /** The channel's SMTP password or signing key. */
  secret(channelId: string): Promise<string | undefined>
  /** PEM of a private CA, in place of the public ones, for webhooks and mail servers. */
  caPem?: string
  now(): Date
}

/** Sends once; the outbox does the trying again. @throws {ApplianceError} that says what the receiver did not take */
export type Deliver = (channel: NotificationChannel, notification: Notification, signal: AbortSignal) => Promise<void>

/** The outbox comes back by itself: two attempts ride out a connection that was kept too long. */
const snsAttempts = 2

export function deliverer(options: DeliverOptions): Deliver {
  const { caPem, now } = options
  const trust = caPem === undefined ? {} : { caPem }
  return async (channel, notification, signal) => {
    const { target } = channel
    if (target.kind === 'sns') return publish(await options.aws(), target.topicArn, notification, signal)
    const secret = await options.secret(channel.id)
    if (target.kind === 'smtp') return sendMail(target, secret, notification, { signal, ...trust })
    if (secret === undefined) {
      throw new ApplianceError('WEBHOOK_FAILED', `The channel "${channel.name}" has no signing key.`, {
        hint: 'Enter its signing key again.',
      })
    }
    return sendWebhook({ url: target.url, signingKey: secret }, notification, { signal, now, ...trust })
  }
}

async function publish(
  clients: AwsClients,
  topicArn: string,
  notification: Notification,
  signal: AbortSignal,
): Promise<void> {
  const { id, event, at, title, text, details } = notification
  const document = { id, event, at, title, text, details }
  const attributes = { event, id }
  await publishToTopic(
    { clients, topicArn, id, subject: `[Hoist] ${title}`, text, document, attributes },
    { signal, attempts: snsAttempts },
  )
}
