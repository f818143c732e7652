// Publishing to an SNS topic.
import { PublishCommand } from '@aws-sdk/client-sns'
import { ApplianceError } from '../errors.ts'
import { awsCode } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'

export interface TopicMessage {
  clients: AwsClients
  topicArn: string
  /** One line; what SNS does not take in a subject is replaced. */
  subject: string
  /** For people: e-mail and text messages. */
  text: string
  /** For programs: queues, functions and web servers get it as JSON. */
  document: Record<string, unknown>
  /** For subscriptions' filter policies. */
  attributes: Record<string, string>
  /** Of this occasion: a FIFO topic takes it once within 5 minutes. */
  id: string
}

/** SNS API Reference, Publish: "less than 100 characters". */
const subjectMaxLength = 99
/** One SMS holds 140 bytes; SNS would send a longer text in several, each billed. */
const smsMaxLength = 140

/**
 * Publishes once through the retry layer; an answer that is lost may lead to a second message.
 * @returns SNS's message id
 * @throws {ApplianceError} AWS_REQUEST_REFUSED for a topic that does not exist or is of another Region; AWS_PERMISSION_MISSING
 */
export async function publishToTopic(
  message: TopicMessage,
  { signal, attempts }: { signal?: AbortSignal; attempts?: number } = {},
): Promise<string> {
  const { clients, topicArn, id, text, document, attributes } = message
  refuseForeignRegion(topicArn, clients.settings.region)
  const subject = asSubject(message.subject)
  const json = JSON.stringify(document)
  const command = new PublishCommand({
    TopicArn: topicArn,
    Subject: subject,
    MessageStructure: 'json',
    Message: JSON.stringify({
      default: text,
      sms: subject.slice(0, smsMaxLength),
      sqs: json,
      lambda: json,
      http: json,
      https: json,
      firehose: json,
    }),
    MessageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
    ),
    ...(topicArn.endsWith('.fifo') ? { MessageGroupId: 'hoist', MessageDeduplicationId: fifoToken(id) } : {}),
  })
  try {
    const options = { signal, ...(attempts === undefined ? {} : { attempts }) }
    const { MessageId } = await clients.call('sns:Publish', sdk => clients.sns.send(command, sdk), options)
    return MessageId ?? ''
  } catch (thrown) {
    throw named(thrown, topicArn)
  }
}

/** SNS takes ASCII that begins with a letter, number or punctuation mark, without line breaks or control characters. */
export function asSubject(text: string): string {
  const ascii = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .replace(/[^\x20-\x7e]/gu, '?')
    .trim()
  return ascii.slice(0, subjectMaxLength).trimEnd() || 'Hoist'
}

/** SNS allows letters, numbers and punctuation, 128 at most. */
function fifoToken(id: string): string {
  return id.replace(/[^\x21-\x7e]/g, '-').slice(-128)
}

function refuseForeignRegion(topicArn: string, region: string): void {
  const [, , , topicRegion] = topicArn.split(':')
  if (topicRegion === region) return
  throw new ApplianceError('AWS_REQUEST_REFUSED', `The topic ${topicArn} is not in the Region ${region}.`, {
    hint: "Use a topic of the connector's own Region.",
  })
}

/** SNS's own refusals that say little about what to do. Source: SNS API Reference, Publish, errors. */
const hints: Record<string, string> = {
  NotFoundException: 'There is no such topic: compare its ARN with the SNS console.',
  KMSAccessDeniedException:
    "The topic is encrypted: allow kms:GenerateDataKey* and kms:Decrypt on its key to the connector, in its policy and in the key's.",
  InvalidParameterException: 'Compare the ARN of the topic with the SNS console.',
}

function named(thrown: unknown, topicArn: string): unknown {
  const hint = hints[awsCode(thrown)]
  if (hint === undefined || !(thrown instanceof ApplianceError)) return thrown
  return new ApplianceError('AWS_REQUEST_REFUSED', `${topicArn}: ${thrown.message}`, { cause: thrown.cause, hint })
}
