import t from 'tap'
import Value from 'typebox/value'
import { ChannelBody } from '../../../appliance/api/schemas/notifications.ts'
import type { ChannelView } from '../../../webui/contract.ts'
import { bodyOf, draftOf, targetWords } from '../../../webui/settings/channel-draft.ts'

const shared = { id: 'c', name: 'Team', enabled: true, events: ['runFailed' as const], createdAt: 'x' }
const channels: ChannelView[] = [
  { ...shared, target: { kind: 'sns', topicArn: 'arn:aws:sns:eu-central-1:111122223333:hoist' } },
  { ...shared, target: { kind: 'webhook', url: 'https://example.com/hook' } },
  {
    ...shared,
    target: {
      kind: 'smtp',
      host: 'mail.example.com',
      port: 465,
      security: 'tls',
      username: 'u',
      from: 'a@example.com',
      to: ['b@example.com', 'c@example.com'],
    },
  },
]

t.test('a channel comes out of the form as it went in, without a secret that was not entered', async t => {
  for (const channel of channels) {
    const { id, createdAt, ...rest } = channel
    t.strictSame(bodyOf(draftOf(channel)), rest)
    t.ok(Value.Check(ChannelBody, bodyOf(draftOf(channel))), channel.target.kind)
  }
})

t.test('a secret goes where the kind has it; recipients are cut at commas and blanks', async t => {
  const [, webhook, mail] = channels
  t.match(bodyOf({ ...draftOf(webhook), secret: 'k'.repeat(16) }).target, { signingKey: 'k'.repeat(16) })
  t.match(bodyOf({ ...draftOf(mail), secret: 'pw', to: 'x@example.com; y@example.com' }).target, {
    password: 'pw',
    to: ['x@example.com', 'y@example.com'],
  })
})

t.test('where it goes stands in a line', async t => {
  t.strictSame(
    channels.map(({ target }) => targetWords(target)),
    [
      'arn:aws:sns:eu-central-1:111122223333:hoist',
      'https://example.com/hook',
      'b@example.com, c@example.com (mail.example.com)',
    ],
  )
})
