// Settings in a bundle: what is named, and nothing that is a secret even where it hides in a URL.
import t from 'tap'
import { settingsDocument } from '../../appliance/support/settings-document.ts'

const canary = 'CANARY-77aa'
const common = { enabled: true, events: ['runFailed' as const], createdAt: '2026-03-01T00:00:00Z' }

t.test('nothing set up is nothing', async t => {
  const { channels, logUpload, vcenter } = settingsDocument({ channels: [], logUpload: false })
  t.same({ channels, logUpload, vcenter }, { channels: [], logUpload: false, vcenter: undefined })
})

t.test('secrets, and fields that nobody has looked at yet, stay out', async t => {
  const document = settingsDocument({
    vcenter: { host: 'vc', username: 'u', trust: { kind: 'pinned', certificatePem: canary }, later: canary } as never,
    aws: {
      ...{ region: 'eu-central-1', accessKeyId: 'AKIA', importRoleName: 'vmimport', assumeRoleExternalId: canary },
      endpoints: { s3: `https://vpce.example/${canary}?x=${canary}` },
      ...{ proxyUrl: `http://u:${canary}@proxy:3128`, proxyUsername: 'me', later: canary },
    } as never,
    proxy: { url: 'http://proxy:3128', username: 'me' },
    connector: { id: 'c', mark: 1, bucket: 'hoist-c', generation: canary } as never,
    channels: [
      { ...common, id: '1', name: 'a', target: { kind: 'webhook', url: `https://hooks.example/${canary}` } },
      { ...common, id: '2', name: 'b', target: { kind: 'sns', topicArn: 'arn:aws:sns:x:1:t' } },
      {
        ...{ ...common, id: '3', name: 'c' },
        target: { kind: 'smtp', host: 'mail', port: 25, security: 'tls', username: canary, from: canary, to: [canary] },
      },
    ],
    logUpload: true,
  })
  t.notMatch(JSON.stringify(document), new RegExp(canary))
  t.match(document, {
    vcenter: { host: 'vc', username: 'u', trust: 'pinned' },
    aws: { region: 'eu-central-1', endpoints: { s3: 'https://vpce.example' }, proxyUrl: 'http://proxy:3128' },
    connector: { id: 'c', bucket: 'hoist-c' },
    channels: [
      { target: { origin: 'https://hooks.example' } },
      { target: { kind: 'sns' } },
      { target: { host: 'mail' } },
    ],
  })
})
