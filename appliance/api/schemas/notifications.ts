// Notification channels and their history, as the API takes and shows them. A stored secret is never shown.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const NotificationEvent = Type.Union([
  Type.Literal('runFailed'),
  Type.Literal('recovered'),
  Type.Literal('firstSuccess'),
  Type.Literal('jobPaused'),
  Type.Literal('snapshotOld'),
  Type.Literal('certificateExpiring'),
  Type.Literal('credentialsExpiring'),
  Type.Literal('connectorReadOnly'),
  Type.Literal('upgradeFailed'),
])

const noControls = '[^\\u0000-\\u001f\\u007f]'

const Arn = Type.String({
  maxLength: 512,
  pattern: '^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\\.fifo)?$',
})
/** Blanks and controls would be dropped or encoded silently; user names are refused by the service, with a hint. */
const Url = Type.String({ maxLength: 2048, pattern: '^https?://[\\x21-\\x7e]+$', description: 'https://host/path' })
const SigningKey = Type.String({
  minLength: 16,
  maxLength: 256,
  pattern: '^[\\x21-\\x7e]+$',
  writeOnly: true,
  description: 'Key of the HMAC-SHA256 in the header Hoist-Signature; needed with a new webhook',
})
/** ASCII addresses without quoting or comments: what every mail server takes, and nothing that could be read as two. */
const Address = Type.String({
  maxLength: 254,
  pattern: "^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$",
})
const MailHost = Type.String({ maxLength: 253, pattern: '^([A-Za-z0-9._-]+|[0-9A-Fa-f:]+(:[0-9.]+)?)$' })
const Username = Type.String({ minLength: 1, maxLength: 256, pattern: `^${noControls}+$` })
const smtp = {
  kind: Type.Literal('smtp'),
  host: MailHost,
  port: Type.Integer({ minimum: 1, maximum: 65535 }),
  security: Type.Union([Type.Literal('tls'), Type.Literal('starttls'), Type.Literal('none')], {
    description: 'none: for a mail server on the appliance itself only',
  }),
  username: Type.Optional(Username),
  from: Address,
  to: Type.Array(Address, { minItems: 1, maxItems: 50, uniqueItems: true }),
}

export const TargetBody = Type.Union([
  Type.Object({ kind: Type.Literal('sns'), topicArn: Arn }, strict),
  Type.Object({ kind: Type.Literal('webhook'), url: Url, signingKey: Type.Optional(SigningKey) }, strict),
  Type.Object(
    {
      ...smtp,
      password: Type.Optional(
        Type.String({
          minLength: 1,
          maxLength: 1024,
          writeOnly: true,
          description: 'Needed with a new user name, server or kind of encryption',
        }),
      ),
    },
    strict,
  ),
])
export type TargetBody = Static<typeof TargetBody>

const channel = {
  name: Type.String({ minLength: 1, maxLength: 128, pattern: `^${noControls}+$` }),
  enabled: Type.Boolean(),
  events: Type.Array(NotificationEvent, { maxItems: 9, uniqueItems: true }),
}

export const ChannelBody = Type.Object(
  { ...channel, enabled: Type.Optional(Type.Boolean({ default: true })), target: TargetBody },
  strict,
)
export type ChannelBody = Static<typeof ChannelBody>

export const ChannelPatch = Type.Object(
  {
    name: Type.Optional(channel.name),
    enabled: Type.Optional(channel.enabled),
    events: Type.Optional(channel.events),
    target: Type.Optional(TargetBody),
  },
  { ...strict, minProperties: 1 },
)
export type ChannelPatch = Static<typeof ChannelPatch>

export const ChannelView = Type.Object(
  {
    ...channel,
    id: Type.String(),
    createdAt: Timestamp,
    target: Type.Union([
      Type.Object({ kind: Type.Literal('sns'), topicArn: Type.String() }, strict),
      Type.Object({ kind: Type.Literal('webhook'), url: Type.String() }, strict),
      Type.Object(smtp, strict),
    ]),
  },
  strict,
)
export type ChannelView = Static<typeof ChannelView>
export const ChannelList = Type.Object({ items: Type.Array(ChannelView) }, strict)

/** What the Test button shows. */
export const TestAnswer = Type.Object(
  {
    delivered: Type.Boolean(),
    error: Type.Optional(
      Type.Object({ code: Type.String(), message: Type.String(), hint: Type.String() }, { ...strict }),
    ),
  },
  strict,
)
export type TestAnswer = Static<typeof TestAnswer>

export const NotificationView = Type.Object(
  {
    id: Type.String(),
    event: NotificationEvent,
    at: Timestamp,
    title: Type.String(),
    text: Type.String(),
    details: Type.Record(Type.String(), Type.String()),
    deliveries: Type.Array(
      Type.Object(
        {
          channelId: Type.String(),
          state: Type.Union([Type.Literal('pending'), Type.Literal('delivered'), Type.Literal('failed')]),
          attempts: Type.Integer(),
          nextTryAt: Type.Optional(Timestamp),
          deliveredAt: Type.Optional(Timestamp),
          error: Type.Optional(Type.String()),
        },
        strict,
      ),
    ),
  },
  strict,
)
export type NotificationView = Static<typeof NotificationView>
export const NotificationPage = Type.Object(
  { items: Type.Array(NotificationView), next: Type.Optional(Type.String()) },
  strict,
)
