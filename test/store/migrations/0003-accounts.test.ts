// Schema 3: what it keeps unique and together, and an audit log that nobody changes.
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { up as initial } from '../../../appliance/store/migrations/0001-initial.ts'
import { up as engine } from '../../../appliance/store/migrations/0002-engine.ts'
import { auditKept, up, version } from '../../../appliance/store/migrations/0003-accounts.ts'

function fresh(): DatabaseSync {
  const sqlite = new DatabaseSync(':memory:', { enableForeignKeyConstraints: true })
  initial(sqlite)
  engine(sqlite)
  up(sqlite)
  return sqlite
}

t.test('it is the third', async t => {
  t.equal(version, 3)
})

t.test('a name is there once in any case, and a role is one of three', async t => {
  const sqlite = fresh()
  const add = (id: string, name: string, role: string) =>
    sqlite.prepare("INSERT INTO accounts VALUES (?, ?, ?, 'h', 0, NULL)").run(id, name, role)
  add('a', 'Anna', 'administrator')
  t.throws(() => add('b', 'aNNA', 'support'), /UNIQUE/)
  t.throws(() => add('c', 'bert', 'root'), /CHECK/)
})

t.test('sessions and tokens go with their account; those without one stay', async t => {
  const sqlite = fresh()
  sqlite.exec(`
    INSERT INTO accounts VALUES ('a', 'anna', 'operator', 'h', 0, NULL);
    INSERT INTO sessions VALUES ('s', 'a', 0, 0), ('setup', NULL, 0, 0);
    INSERT INTO api_tokens VALUES ('t', 'h1', 'ci', 'a', 0, 0, NULL), ('local', 'h2', 'ci', NULL, 0, 0, NULL);
    DELETE FROM accounts`)
  const ids = (text: string) =>
    sqlite
      .prepare(text)
      .all()
      .map(row => Object.values(row)[0])
  t.strictSame(ids('SELECT hash FROM sessions'), ['setup'])
  t.strictSame(ids('SELECT id FROM api_tokens'), ['local'])
  t.throws(() => sqlite.exec("INSERT INTO sessions VALUES ('x', 'gone', 0, 0)"), /FOREIGN KEY/)
})

t.test('the audit log is not changed, and its newest entries are not deleted', async t => {
  const sqlite = fresh()
  sqlite.exec("INSERT INTO audit (document) VALUES ('{}'), ('{}')")
  t.throws(() => sqlite.exec("UPDATE audit SET document = 'x'"), /append-only/)
  t.throws(() => sqlite.exec('DELETE FROM audit'), /append-only/)
  t.throws(() => sqlite.exec("INSERT OR REPLACE INTO audit (id, document) VALUES (1, 'x')"), /append-only/)
  sqlite.prepare('INSERT INTO audit (id, document) VALUES (?, ?)').run(auditKept + 1, '{}')
  t.doesNotThrow(() => sqlite.exec('DELETE FROM audit WHERE id = 1'))
  t.throws(() => sqlite.exec('DELETE FROM audit WHERE id = 2'), /append-only/)
})

t.test('sessions, tokens and failures are found by an index', async t => {
  const sqlite = fresh()
  const plan = (text: string) =>
    sqlite
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all()
      .map(row => String(row.detail))
      .join('; ')
  for (const [text, found] of [
    ["SELECT * FROM sessions WHERE hash = 'h'", /SEARCH sessions USING PRIMARY KEY/],
    ["DELETE FROM sessions WHERE account_id = 'a'", /sessions_by_account/],
    ["SELECT * FROM api_tokens WHERE hash = 'h'", /SEARCH api_tokens USING INDEX/],
    ["SELECT * FROM accounts WHERE name = 'a'", /SEARCH accounts USING INDEX/],
    ['SELECT id FROM audit WHERE id < 5 ORDER BY id DESC LIMIT 3', /SEARCH audit USING INTEGER PRIMARY KEY/],
  ] as const)
    t.match(plan(text), found, text)
})
