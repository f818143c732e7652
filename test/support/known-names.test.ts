// The names of a site, from everywhere that has some.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../appliance/store/store.ts'
import { knownNames } from '../../appliance/support/known-names.ts'
import { sampleJob, sampleServer } from '../store/samples.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'hoist-names-'))
const store = await openStore(dataDir)
t.teardown(async () => {
  store.close()
  await rm(dataDir, { recursive: true })
})
const names = async () =>
  (await Array.fromAsync(knownNames({ store, hostname: 'appliance-7' }))).map(({ kind, name }) => `${kind} ${name}`)

t.test('an empty appliance knows its own name', async t => {
  t.same(await names(), ['host appliance-7'])
})

t.test('settings, channels, the catalog and jobs of servers that are gone', async t => {
  const { settings, servers, jobs, channels } = store
  await settings.setVcenter({ host: 'vc.corp.example:8443', username: 'svc@corp', trust: { kind: 'ca', caPem: 'x' } })
  await settings.setAws({
    ...{
      region: 'eu-central-1',
      accessKeyId: 'AKIA',
      importRoleName: 'vmimport',
      proxyUrl: 'http://proxy.corp.example:3128',
    },
    endpoints: {
      s3: 'https://vpce.corp.example',
      ec2: 'https://ec2.eu-central-1.amazonaws.com',
      sts: 'http://127.0.0.1:5',
    },
  })
  await settings.setProxy({ url: 'http://proxy.corp.example:3128', username: 'proxyuser' })
  const channel = { enabled: true, events: ['runFailed' as const], createdAt: '2026-03-01T00:00:00Z' }
  await channels.create({
    ...channel,
    id: '1',
    name: 'ops room',
    target: { kind: 'webhook', url: 'https://hooks.corp.example/x' },
  })
  await channels.create({
    ...channel,
    id: '2',
    name: 'sns',
    target: { kind: 'sns', topicArn: 'arn:aws:sns:eu-central-1:1:hoist-night' },
  })
  await channels.create({
    ...{ ...channel, id: '3', name: 'mail' },
    target: {
      kind: 'smtp',
      host: 'mail.corp.example',
      port: 25,
      security: 'tls',
      from: 'a@corp.example',
      to: ['b@corp.example'],
    },
  })
  const generation = await servers.begin()
  const server = sampleServer(1)
  await servers.upsert(generation, [server])
  await servers.finish(generation)
  await jobs.create({ ...sampleJob(9), serverName: 'gone-server' })
  const found = new Set(await names())
  for (const expected of [
    'host vc.corp.example',
    'host proxy.corp.example',
    'host vpce.corp.example',
    'host hooks.corp.example',
    'host mail.corp.example',
    'user svc@corp',
    'user proxyuser',
    'user b@corp.example',
    'place ops room',
    'place hoist-night',
    `server ${server.name}`,
    `host ${server.hostName}`,
    `place ${server.disks[0]?.datastore}`,
    'server gone-server',
  ]) {
    t.ok(found.has(expected), expected)
  }
  for (const other of ['host ec2.eu-central-1.amazonaws.com', 'host 127.0.0.1', 'user vmimport', 'place vm'])
    t.notOk(found.has(other), other)
})
