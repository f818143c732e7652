// The whole store out of one data directory.
import { chmodSync, existsSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { listBackups } from '../../appliance/store/backup.ts'
import { checkFile } from '../../appliance/store/check-file.ts'
import { migrations } from '../../appliance/store/migrate.ts'
import { restoreBackup } from '../../appliance/store/restore.ts'
import { openStore } from '../../appliance/store/store.ts'
import { makeOldDataDir, oldSchemas } from './old-databases.ts'
import { sampleJob, sampleRun, sampleServer } from './samples.ts'

const namesIn = (directory: string) => (existsSync(directory) ? readdirSync(directory) : [])

const web01 = '50000000-0000-4000-8000-000000000001'

t.test('a fresh directory becomes a private store that survives a reopening', async t => {
  const directory = join(t.testdir(), 'deep', 'data')
  const first = await openStore(directory)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  for (const file of ['hoist.db', 'secrets.key']) t.equal(statSync(join(directory, file)).mode & 0o777, 0o600)
  await first.secrets.set('vcenter.password', 'secret')
  await first.settings.setConnector({ id: 'c', mark: 3, generation: 'g' })
  await first.servers.upsert(await first.servers.begin(), [sampleServer(1)])
  await first.jobs.create(sampleJob(1))
  first.close()
  const second = await openStore(directory)
  t.teardown(() => second.close())
  t.equal(await second.secrets.get('vcenter.password'), 'secret')
  t.strictSame(await second.settings.getConnector(), { id: 'c', mark: 3, generation: 'g' })
  t.equal(await second.servers.count(), 1)
  t.equal((await second.jobs.list()).items.length, 1)
  t.strictSame(await second.runs.active(), [])
})

t.test('a key that was in use while the TPM was away, and the one before it, both open what they sealed', async t => {
  const directory = t.testdir()
  const given = join(directory, 'given.key')
  const [before, meanwhile] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const opened = async (...keys: Buffer[]) => {
    writeFileSync(given, Buffer.concat(keys), { mode: 0o600 })
    return await openStore(join(directory, 'data'), given)
  }
  const first = await opened(before)
  await first.secrets.set('vcenter.password', 'of before')
  first.close()
  const second = await opened(meanwhile)
  await t.rejects(second.secrets.get('vcenter.password'), { code: 'SECRET_UNREADABLE' })
  await second.secrets.set('aws.secretAccessKey', 'of meanwhile')
  second.close()
  for (const keys of [[meanwhile, before], [meanwhile]]) {
    const store = await opened(...keys)
    t.equal(await store.secrets.get('vcenter.password'), 'of before')
    t.equal(await store.secrets.get('aws.secretAccessKey'), 'of meanwhile')
    store.close()
  }
})

t.test('backups that are asked for at once are taken one after the other, each whole', async t => {
  const directory = t.testdir()
  const store = await openStore(directory)
  t.teardown(() => store.close())
  const first = store.backup({ now: new Date(Date.UTC(2026, 2, 1)) })
  // Whoever begins one removes the unfinished copies of killed processes: not one that is just being made.
  while (!namesIn(join(directory, 'backups')).some(name => name.endsWith('.new'))) await nextTurn()
  const others = [2, 3].map(day => store.backup({ now: new Date(Date.UTC(2026, 2, day)) }))
  const taken = await Promise.all([first, ...others])
  t.strictSame(await listBackups(directory), taken.toReversed())
})

t.test('a start that fails on the key file releases the database', async t => {
  const directory = t.testdir()
  const key = join(directory, 'secrets.key')
  writeFileSync(key, Buffer.alloc(32))
  chmodSync(key, 0o644)
  await t.rejects(openStore(directory), { code: 'PRIVATE_FILE_UNSAFE' })
  chmodSync(key, 0o600)
  const store = await openStore(directory)
  store.close()
})

t.test('an emptied database file is noticed, a first start that broke off is not taken for one', async t => {
  const directory = t.testdir({ 'hoist.db': '' })
  const store = await openStore(directory)
  await store.jobs.create(sampleJob(1))
  store.close()
  truncateSync(join(directory, 'hoist.db'))
  await t.rejects(openStore(directory), { code: 'STORE_DAMAGED', hint: /api\/rescue/ })
})

t.test('a backup is taken from the open store', async t => {
  const directory = t.testdir()
  const store = await openStore(directory)
  t.teardown(() => store.close())
  const backup = await store.backup({ now: new Date('2026-03-01T02:00:00.500Z') })
  t.match(backup, { name: 'hoist-20260301T020000Z.db' })
  t.ok((await store.backup()).name > backup.name)
})

t.test('there is a database of every earlier schema', async t => {
  t.strictSame(
    oldSchemas,
    migrations.slice(0, -1).map(migration => migration.version),
  )
})

for (const schema of oldSchemas)
  t.test(`an upgrade from schema ${schema} keeps settings, secrets, catalog, jobs and history`, async t => {
    const directory = t.testdir()
    makeOldDataDir(directory, schema)
    const store = await openStore(directory)
    const connector = await store.settings.getConnector()
    t.match(connector?.generation, /^[0-9a-f]{16}$/)
    t.strictSame(connector, {
      id: '0a1b2c3d4e5f',
      generation: connector?.generation,
      bucket: 'hoist-0a1b2c3d4e5f',
      bucketRegion: 'eu-central-1',
      awsAccountId: '123456789012',
      vcenterInstanceUuid: '5f6b8f1e-0000-4000-8000-000000000001',
      mark: 0,
    })
    t.match(await store.settings.getVcenter(), { host: 'vc.example', trust: { kind: 'pinned' } })
    t.match(await store.settings.getAws(), { region: 'eu-central-1', endpoints: { s3: 'https://s3.example' } })
    t.equal(await store.secrets.get('vcenter.password'), 'an old password')
    t.match(await store.servers.get(web01), { name: 'web01', powerState: 'poweredOn' })
    t.equal((await store.servers.list({ search: 'WEB' })).items.length, 1)

    t.strictSame((await store.jobs.list()).items, [
      {
        id: 'job-a',
        serverId: web01,
        serverName: 'web01',
        schedule: { startAt: '2026-03-01T00:00:00.000Z', everyHours: 6 },
        settings: {
          licence: 'auto',
          imageMethod: 'registered',
          encrypted: true,
          kmsKeyId: 'alias/hoist',
          retention: 7,
          tags: { team: 'web' },
        },
        state: 'active',
        createdAt: '2026-03-01T00:00:00.000Z',
        nextRunAt: '2026-03-01T06:00:00.000Z',
        failuresInARow: 0,
      },
      {
        id: 'job-b',
        serverId: '50000000-0000-4000-8000-000000000002',
        serverName: 'db01 – Straße',
        schedule: { startAt: '2026-03-01T00:00:01.000Z' },
        settings: { licence: 'byol', imageMethod: 'converted', encrypted: false, retention: 1, tags: {} },
        state: 'ended',
        createdAt: '2026-03-01T00:00:01.000Z',
        failuresInARow: 0,
      },
    ])
    t.match(await store.jobs.due(new Date('2026-03-01T06:00:00Z')), [{ id: 'job-a' }])

    const { items } = await store.runs.list()
    t.strictSame(
      items.map(run => [run.id, run.state, run.trigger, run.steps, run.resumptions]),
      [
        ['run-3', 'uploading', 'manual', [], 0],
        ['run-2', 'failed', 'manual', [], 0],
        ['run-1', 'succeeded', 'manual', [], 0],
      ],
    )
    t.match(items[2], { retries: { 'S3 SlowDown': 2 }, imageSnapshotIds: ['snap-0123456789abcdef0'] })
    t.match(items[2]?.disks, [
      { key: 2000, sizeBytes: Number.MAX_SAFE_INTEGER },
      { key: 2001, transferMs: 12.5, manifestPath: 'manifests/run-1/2001' },
    ])
    t.match(items[1], { failure: { code: 'SERVER_BUSY' }, warnings: [{ code: 'ISO_ATTACHED' }], disks: [] })
    const [active, ...others] = await store.runs.active()
    t.match(active, { id: 'run-3', vmSnapshotMoref: 'snapshot-7', disks: [{ objectKey: 'runs/run-3/2000.vmdk' }] })
    t.strictSame(others, [])
    t.match(await store.runs.imagesOf(web01), [{ imageId: 'ami-0123456789abcdef0' }])
    t.match(await store.runs.lastSuccess('job-a'), { id: 'run-1' })
    await t.rejects(store.runs.create(sampleRun(9, { jobId: 'job-a' })), { code: 'RUN_IN_PROGRESS' })

    t.comment('the database as it was is kept aside, and can be restored and upgraded again')
    const name = `before-schema-${schema + 1}.db`
    const path = join(directory, 'backups', name)
    t.equal(statSync(path).mode & 0o777, 0o600)
    t.strictSame(await checkFile(path), [])
    t.match(await listBackups(directory), [{ name }])
    store.close()
    await restoreBackup(directory, name)
    const again = await openStore(directory)
    t.equal((await again.runs.list()).items.length, 3)
    again.close()
    const last = await openStore(directory)
    last.close()
    t.strictSame(
      readdirSync(join(directory, 'backups')),
      [name],
      'a database that is up to date is not copied, and nothing else is left',
    )
  })
