// Secrets at rest: round trips, what an attacker with the file can and cannot do, and the key file's rules.
import { chmodSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { type Database, openDatabase } from '../../appliance/store/database.ts'
import {
  channelSecret,
  formerSecretsKeys,
  openSecretStore,
  openSecretsKey,
  resealSecrets,
  secretNames,
} from '../../appliance/store/secrets.ts'
import { seeded } from './samples.ts'

/** As the appliance opens them, with the key file in a data directory. */
async function openAt(database: Database, keyPath: string) {
  const given = basename(keyPath) === 'secrets.key' ? '' : keyPath
  return openSecretStore(database, await openSecretsKey(dirname(keyPath), given))
}

function open(t: Test): { database: Database; keyPath: string; directory: string } {
  const directory = t.testdir()
  const database = openDatabase(join(directory, 'hoist.db'))
  t.teardown(() => database.close())
  return { database, directory, keyPath: join(directory, 'secrets.key') }
}

t.test('secrets come back as they were set, under a key file of 32 bytes and mode 0600', async t => {
  const { database, keyPath } = open(t)
  const secrets = await openAt(database, keyPath)
  t.equal(statSync(keyPath).mode & 0o777, 0o600)
  t.equal(statSync(keyPath).size, 32)
  const chance = seeded(7)
  for (const name of secretNames) {
    t.equal(await secrets.get(name), undefined)
    for (const secret of ['', 'p', 'ü😀\0"', 'x'.repeat(chance(5000))]) {
      await secrets.set(name, secret)
      t.equal(await secrets.get(name), secret)
    }
    await secrets.delete(name)
    await secrets.delete(name)
    t.equal(await secrets.get(name), undefined)
  }
})

t.test('a second opening uses the same key', async t => {
  const { database, keyPath } = open(t)
  await (await openAt(database, keyPath)).set('aws.sessionToken', 'abc')
  t.equal(await (await openAt(database, keyPath)).get('aws.sessionToken'), 'abc')
})

t.test('neither the database nor its log ever holds a secret in clear', async t => {
  const { database, directory, keyPath } = open(t)
  const secrets = await openAt(database, keyPath)
  await secrets.set('vcenter.password', 'CANARY-PASSWORD')
  for (const file of ['hoist.db', 'hoist.db-wal']) t.notMatch(readFileSync(join(directory, file), 'latin1'), /CANARY/)
})

t.test('every write has a nonce of its own', async t => {
  const { database, keyPath } = open(t)
  const secrets = await openAt(database, keyPath)
  const nonces = new Set<string>()
  for (let i = 0; i < 50; i++) {
    await secrets.set('aws.sessionToken', 'same')
    const row = database.read(sql => sql.get("SELECT hex(nonce) AS nonce FROM secrets WHERE name = 'aws.sessionToken'"))
    nonces.add(String(row?.nonce))
  }
  t.equal(nonces.size, 50)
})

t.test('rows that were swapped or copied to another name do not decrypt', async t => {
  const { database, keyPath } = open(t)
  const secrets = await openAt(database, keyPath)
  await secrets.set('vcenter.password', 'one')
  await secrets.set('aws.proxyPassword', 'two')
  database.write(sql => {
    sql.run("UPDATE secrets SET name = 'x' WHERE name = 'vcenter.password'")
    sql.run("UPDATE secrets SET name = 'vcenter.password' WHERE name = 'aws.proxyPassword'")
    sql.run("UPDATE secrets SET name = 'aws.proxyPassword' WHERE name = 'x'")
  })
  await t.rejects(secrets.get('vcenter.password'), { code: 'SECRET_UNREADABLE', message: /vcenter\.password/ })
  await t.rejects(secrets.get('aws.proxyPassword'), { code: 'SECRET_UNREADABLE' })
  await secrets.set('vcenter.password', 'again')
  t.equal(await secrets.get('vcenter.password'), 'again')
})

t.test('any changed bit, and a shortened tag, is noticed', async t => {
  const { database, keyPath } = open(t)
  const secrets = await openAt(database, keyPath)
  await secrets.set('aws.sessionToken', 'a token of some length')
  const good = database.read(sql => sql.get("SELECT * FROM secrets WHERE name = 'aws.sessionToken'"))
  const put = (column: string, value: Uint8Array) =>
    database.write(sql => sql.run(`UPDATE secrets SET ${column} = ? WHERE name = 'aws.sessionToken'`, value))
  const chance = seeded(99)
  for (const column of ['nonce', 'tag', 'ciphertext']) {
    const original = Buffer.from(good?.[column] as Uint8Array)
    for (let trial = 0; trial < 20; trial++) {
      const changed = Buffer.from(original)
      const at = chance(changed.length)
      changed[at] = (changed[at] ?? 0) ^ (1 << chance(8))
      put(column, changed)
      await t.rejects(
        secrets.get('aws.sessionToken'),
        { code: 'SECRET_UNREADABLE' },
        `${column}, seed 99, trial ${trial}`,
      )
    }
    put(column, original)
  }
  put('tag', Buffer.from(good?.tag as Uint8Array).subarray(0, 4))
  await t.rejects(secrets.get('aws.sessionToken'), { code: 'SECRET_UNREADABLE' })
})

t.test('a lost key file is replaced; the old secrets say so, new ones work', async t => {
  const { database, keyPath } = open(t)
  await (await openAt(database, keyPath)).set('aws.sessionToken', 'abc')
  rmSync(keyPath)
  const secrets = await openAt(database, keyPath)
  await t.rejects(secrets.get('aws.sessionToken'), { code: 'SECRET_UNREADABLE', hint: /enter the secret again/ })
  await secrets.set('aws.sessionToken', 'new')
  t.equal(await secrets.get('aws.sessionToken'), 'new')
})

t.test('a key file that others can read, a link, or one of another size is refused', async t => {
  const { database, keyPath, directory } = open(t)
  await openAt(database, keyPath)
  for (const mode of [0o640, 0o604, 0o660, 0o666]) {
    chmodSync(keyPath, mode)
    await t.rejects(openAt(database, keyPath), { code: 'PRIVATE_FILE_UNSAFE', hint: /chmod 600/ })
  }
  chmodSync(keyPath, 0o600)
  const link = join(directory, 'link.key')
  symlinkSync(keyPath, link)
  await t.rejects(openAt(database, link), { code: 'PRIVATE_FILE_UNSAFE' })
  writeFileSync(keyPath, 'short')
  await t.rejects(openAt(database, keyPath), { code: 'PRIVATE_FILE_UNSAFE', message: /5 bytes/ })
})

t.test(
  'a key that the machine gives is only read: none is made beside the database, and a missing one is not replaced',
  async t => {
    const { database, directory } = open(t)
    const given = join(directory, 'given.key')
    await t.rejects(openAt(database, given), { code: 'PRIVATE_FILE_UNSAFE', message: /missing/ })
    t.throws(() => statSync(given))
    writeFileSync(given, Buffer.alloc(32, 9), { mode: 0o400 })
    await (await openAt(database, given)).set('aws.sessionToken', 'abc')
    t.equal(await (await openAt(database, given)).get('aws.sessionToken'), 'abc')
    t.throws(() => statSync(join(directory, 'secrets.key')))
    t.ok(readFileSync(given).equals(Buffer.alloc(32, 9)))
  },
)

t.test('what a former key has sealed comes under the key in use; what no key opens stays as it is', async t => {
  const { database, directory } = open(t)
  const given = join(directory, 'given.key')
  const [inUse, former, older, unknown] = [1, 2, 3, 4].map(fill => Buffer.alloc(32, fill)) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ]
  await openSecretStore(database, inUse).set('vcenter.password', 'of now')
  await openSecretStore(database, former).set('aws.secretAccessKey', 'of before')
  await openSecretStore(database, older).set('aws.sessionToken', '')
  await openSecretStore(database, unknown).set('aws.proxyPassword', 'of elsewhere')
  const row = (name: string) => database.read(sql => sql.get('SELECT * FROM secrets WHERE name = ?', name))
  const [now, elsewhere] = [row('vcenter.password'), row('aws.proxyPassword')]

  writeFileSync(given, Buffer.concat([inUse, former, older]), { mode: 0o400 })
  resealSecrets(database, await openSecretsKey(directory, given), await formerSecretsKeys(directory, given))
  const secrets = openSecretStore(database, inUse)
  t.equal(await secrets.get('aws.secretAccessKey'), 'of before')
  t.equal(await secrets.get('aws.sessionToken'), '')
  t.same(row('vcenter.password'), now, 'untouched')
  t.same(row('aws.proxyPassword'), elsewhere, 'untouched')
  await openSecretStore(database, former).set('aws.secretAccessKey', 'again')
  resealSecrets(database, inUse, [])
  await t.rejects(secrets.get('aws.secretAccessKey'), { code: 'SECRET_UNREADABLE', hint: /the TPM it had/ })
})

t.test('a file of several keys is taken from the machine alone, and only whole', async t => {
  const { database, directory, keyPath } = open(t)
  const given = join(directory, 'given.key')
  writeFileSync(given, Buffer.alloc(64, 9), { mode: 0o400 })
  t.equal((await openSecretsKey(directory, given)).length, 32)
  writeFileSync(keyPath, Buffer.alloc(64, 9), { mode: 0o600 })
  await t.rejects(openAt(database, keyPath), { code: 'PRIVATE_FILE_UNSAFE', message: /64 bytes/ })
  rmSync(given)
  for (const bytes of [0, 63]) {
    writeFileSync(given, Buffer.alloc(bytes, 9), { mode: 0o400 })
    await t.rejects(openSecretsKey(directory, given), { code: 'PRIVATE_FILE_UNSAFE' })
    rmSync(given)
  }
})

t.test('each notification channel has one secret of its own', async t => {
  const { database, keyPath } = open(t)
  const secrets = await openAt(database, keyPath)
  await secrets.set(channelSecret('a'), 'key of a')
  await secrets.set(channelSecret('b'), 'key of b')
  t.equal(await secrets.get(channelSecret('a')), 'key of a')
  t.notOk((secretNames as readonly string[]).includes(channelSecret('a')))
})
