import t from 'tap'
import { Value } from 'typebox/value'
import {
  ChannelBody,
  ChannelPatch,
  ChannelView,
  NotificationEvent,
} from '../../../appliance/api/schemas/notifications.ts'
import type { NotificationChannel } from '../../../appliance/domain.ts'

const body = (target: object, more: object = {}) => ({ name: 'ops', events: ['runFailed'], target, ...more })
const sns = { kind: 'sns', topicArn: 'arn:aws:sns:eu-central-1:111122223333:hoist-events' }
const webhook = { kind: 'webhook', url: 'https://hooks.example.com/x', signingKey: '0123456789abcdef' }
const smtp = {
  kind: 'smtp',
  host: 'mail.example.com',
  port: 587,
  security: 'starttls',
  username: 'hoist',
  password: 'p',
  from: 'hoist@example.com',
  to: ['ops@example.com'],
}

t.test('each kind of target is taken in its own form', async t => {
  for (const target of [
    sns,
    { ...sns, topicArn: 'arn:aws-cn:sns:cn-north-1:111122223333:a.fifo' },
    webhook,
    smtp,
    { ...smtp, host: '::1', security: 'none' },
    { ...smtp, from: "o'brien+hoist@sub.example.co" },
  ])
    t.ok(Value.Check(ChannelBody, body(target)), JSON.stringify(target))
})

t.test('what a mail server, SNS or HTTP could misread is refused', async t => {
  const bad = [
    {},
    { kind: 'pager' },
    { ...sns, url: 'https://x' },
    { ...sns, topicArn: 'arn:aws:sqs:eu-central-1:111122223333:q' },
    { ...sns, topicArn: `${sns.topicArn}\n` },
    { ...webhook, url: 'ftp://x/' },
    { ...webhook, url: 'https://x/\r\nHost: y' },
    { ...webhook, signingKey: 'short' },
    { ...smtp, port: 0 },
    { ...smtp, security: 'maybe' },
    { ...smtp, host: 'mail example' },
    { ...smtp, host: 'mail.example.com\n' },
    { ...smtp, username: 'a\r\nb' },
    { ...smtp, to: [] },
    { ...smtp, to: ['ops@example.com', 'ops@example.com'] },
    ...[
      'ops',
      'a@b\r\nBcc: c@d',
      'a,b@example.com',
      '"a b"@example.com',
      '<a@b.example>',
      'a@[127.0.0.1]',
      'a@b.',
      'ü@b.de',
    ].map(address => ({ ...smtp, to: [address] })),
    { ...smtp, from: 'Hoist <a@example.com>' },
  ]
  for (const target of bad) t.notOk(Value.Check(ChannelBody, body(target)), JSON.stringify(target))
  for (const more of [
    { name: '' },
    { name: 'a\nb' },
    { events: ['all'] },
    { events: ['runFailed', 'runFailed'] },
    { id: 'x' },
  ])
    t.notOk(Value.Check(ChannelBody, body(sns, more)), JSON.stringify(more))
})

t.test('a change names at least one thing', async t => {
  t.notOk(Value.Check(ChannelPatch, {}))
  t.ok(Value.Check(ChannelPatch, { enabled: false }))
  t.ok(Value.Check(ChannelPatch, { target: { kind: 'webhook', url: 'https://x/' } }))
})

t.test('the view has no place for a secret', async t => {
  const channel: NotificationChannel = {
    ...{ id: 'c', name: 'ops', enabled: true, events: ['runFailed'], createdAt: '2026-11-21T00:00:00.000Z' },
    target: { kind: 'webhook', url: 'https://x/' },
  }
  t.ok(Value.Check(ChannelView, channel))
  for (const target of [webhook, smtp]) t.notOk(Value.Check(ChannelView, { ...channel, target }))
})

t.test('every event of the domain can be asked for', async t => {
  // The type fails to compile when one is missing here, the check when one is missing there.
  const all: Record<NotificationChannel['events'][number], true> = {
    ...{ runFailed: true, recovered: true, firstSuccess: true, jobPaused: true },
    ...{ snapshotOld: true, certificateExpiring: true, credentialsExpiring: true, connectorReadOnly: true },
    upgradeFailed: true,
  }
  for (const event of Object.keys(all)) t.ok(Value.Check(NotificationEvent, event), event)
})
