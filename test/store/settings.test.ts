// Settings as checked documents.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { AwsSettings, Connector, Policy, VcenterSettings } from '../../appliance/domain.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { settingsRepository } from '../../appliance/store/settings.ts'

const vcenter: VcenterSettings = {
  host: 'vc.example:443',
  username: 'hoist@vsphere.local',
  trust: { kind: 'pinned', certificatePem: '-----BEGIN CERTIFICATE-----' },
}
const aws: AwsSettings = {
  region: 'eu-central-1',
  accessKeyId: 'AKIDEXAMPLE',
  assumeRoleArn: 'arn:aws:iam::123456789012:role/hoist',
  endpoints: { s3: 'http://127.0.0.1:9000', sts: 'https://sts.example' },
  proxyUrl: 'http://proxy.example:3128',
  importRoleName: 'vmimport',
}
const connector: Connector = { id: 'c-1', bucket: 'hoist-c-1', bucketRegion: 'eu-central-1', mark: 0, generation: 'g' }

const policy: Policy = {
  timeZone: 'Europe/Berlin',
  bandwidth: {
    bytesPerSecond: 10_000_000,
    timetable: [{ window: { days: ['sat', 'sun'], from: '00:00', to: '24:00' }, bytesPerSecond: null }],
  },
  blackouts: [{ window: { days: ['mon'], from: '22:00', to: '04:00' }, holdTransfers: true }],
  datastoreFloor: { percent: 10, bytes: 2 ** 34 },
  pauseAfterFailures: 3,
  snapshotAgeHours: 24,
}

function open(t: Test) {
  const database = openDatabase(join(t.testdir(), 'hoist.db'))
  t.teardown(() => database.close())
  return { database, settings: settingsRepository(database) }
}

t.test('each setting comes back as it was set, the last one winning, and undefined before and after', async t => {
  const { settings } = open(t)
  t.equal(await settings.getVcenter(), undefined)
  t.equal(await settings.getAws(), undefined)
  t.equal(await settings.getConnector(), undefined)
  await settings.setVcenter({ ...vcenter, host: 'old' })
  await settings.setVcenter(vcenter)
  await settings.setAws(aws)
  await settings.setConnector(connector)
  t.strictSame(await settings.getVcenter(), vcenter)
  t.strictSame(await settings.getAws(), aws)
  t.strictSame(await settings.getConnector(), connector)
  await settings.setVcenter({ ...vcenter, trust: { kind: 'ca', caPem: 'pem' } })
  t.match(await settings.getVcenter(), { trust: { kind: 'ca', caPem: 'pem' } })
})

t.test('a stored setting of another form is refused by name, not handed on', async t => {
  const { database, settings } = open(t)
  for (const document of ['{"host":1}', '[]', 'no json', JSON.stringify({ ...vcenter, surprise: true })]) {
    database.write(sql => sql.run("INSERT OR REPLACE INTO settings VALUES ('vcenter', ?)", document))
    await t.rejects(settings.getVcenter(), { code: 'STORE_DAMAGED' }, document)
  }
  await settings.setVcenter(vcenter)
  t.strictSame(await settings.getVcenter(), vcenter, 'entering it again repairs it')
})

t.test('a setting with a password in it cannot be written', async t => {
  const { settings } = open(t)
  const withPassword = { ...vcenter, password: 'hunter2' }
  await t.rejects(settings.setVcenter(withPassword), { code: 'STORE_DAMAGED' })
  t.equal(await settings.getVcenter(), undefined)
})

t.test('the policy comes back as it was set, and one of another form is refused', async t => {
  const { settings } = open(t)
  t.equal(await settings.getPolicy(), undefined)
  await settings.setPolicy(policy)
  t.strictSame(await settings.getPolicy(), policy)
  await t.rejects(settings.setPolicy({ ...policy, datastoreFloor: { percent: 101, bytes: 0 } }), {
    code: 'STORE_DAMAGED',
  })
  t.strictSame(await settings.getPolicy(), policy)
})

t.test('the mark rises by one at a time, whoever else writes the connector', async t => {
  const { settings } = open(t)
  await t.rejects(settings.advanceMark(), { code: 'NOT_CONFIGURED' })
  await settings.setConnector(connector)
  const marks = await Promise.all([settings.advanceMark(), settings.advanceMark(), settings.advanceMark()])
  t.strictSame(marks, [1, 2, 3])
  await settings.setConnector({ ...connector, bucket: 'other' })
  t.strictSame(
    await settings.getConnector(),
    { ...connector, bucket: 'other', mark: 3 },
    'an old copy does not lower it',
  )
  await settings.setConnector({ ...connector, mark: 40 })
  t.equal(await settings.advanceMark(), 41)
  await settings.setConnector({ id: 'c-2', mark: 0, generation: 'g' })
  t.strictSame(await settings.getConnector(), { id: 'c-2', mark: 0, generation: 'g' }, 'another connector has its own')
})

t.test('the proxy is set and taken away, the upload of logs is kept with how it fared', async t => {
  const { settings } = open(t)
  t.same([await settings.getProxy(), await settings.getLogUpload()], [undefined, undefined])
  const proxy = { url: 'http://proxy:3128', username: 'me' }
  await settings.setProxy(proxy)
  t.same(await settings.getProxy(), proxy)
  await settings.setProxy(undefined)
  t.equal(await settings.getProxy(), undefined)
  const upload = { enabled: true, lastAt: '2026-03-01T00:00:00.000Z', lastKey: 'logs/c/x.tar.gz' }
  await settings.setLogUpload(upload)
  t.same(await settings.getLogUpload(), upload)
  await t.rejects(settings.setProxy({ ...proxy, password: 'x' } as never), { code: 'STORE_DAMAGED' })
})
