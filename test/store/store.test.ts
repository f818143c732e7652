// The whole store out of one data directory.
import { chmodSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../appliance/store/store.ts'
import { sampleJob, sampleServer } from './samples.ts'

t.test('a fresh directory becomes a private store that survives a reopening', async t => {
  const directory = join(t.testdir(), 'deep', 'data')
  const first = await openStore(directory)
  t.equal(statSync(directory).mode & 0o777, 0o700)
  for (const file of ['hoist.db', 'secrets.key']) t.equal(statSync(join(directory, file)).mode & 0o777, 0o600)
  await first.secrets.set('vcenter.password', 'secret')
  await first.settings.setConnector({ id: 'c' })
  await first.servers.upsert(await first.servers.begin(), [sampleServer(1)])
  await first.jobs.create(sampleJob(1))
  first.close()
  const second = await openStore(directory)
  t.teardown(() => second.close())
  t.equal(await second.secrets.get('vcenter.password'), 'secret')
  t.strictSame(await second.settings.getConnector(), { id: 'c' })
  t.equal(await second.servers.count(), 1)
  t.equal((await second.jobs.list()).items.length, 1)
  t.strictSame(await second.runs.active(), [])
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
