// Schema 2: what becomes of the documents of schema 1, and that its indexes serve what they are for.
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { up as initial } from '../../../appliance/store/migrations/0001-initial.ts'
import { up, version } from '../../../appliance/store/migrations/0002-engine.ts'

function old(): DatabaseSync {
  const sqlite = new DatabaseSync(':memory:')
  initial(sqlite)
  return sqlite
}

t.test('it is the second', async t => {
  t.equal(version, 2)
})

t.test('runs get the columns that are searched', async t => {
  const sqlite = old()
  const add = (id: string, document: string) =>
    sqlite.prepare("INSERT INTO runs VALUES (?, 'job', 0, 0, ?)").run(id, document)
  add('image', '{"serverId":"s","state":"succeeded","imageId":"ami-1"}')
  add('none', '{"serverId":"s","state":"succeeded"}')
  add('failed', '{"serverId":"t","state":"failed","imageId":"ami-2"}')
  up(sqlite)
  t.strictSame(
    sqlite
      .prepare('SELECT id, server_id, state, has_image FROM runs')
      .all()
      .map(row => Object.values(row)),
    [
      ['image', 's', 'succeeded', 1],
      ['none', 's', 'succeeded', 0],
      ['failed', 't', 'failed', 0],
    ],
  )
})

t.test('a document that is none does not hold up the others, and one that has a field keeps it', async t => {
  const sqlite = old()
  sqlite.exec(`
    INSERT INTO settings VALUES ('connector', 'no json'), ('aws', '{"region":"r"}');
    INSERT INTO jobs VALUES ('a', 's', 'active', 0, NULL, '{'), ('b', 't', 'active', 0, NULL, '{"id":"b","failuresInARow":2}');
    INSERT INTO runs VALUES ('r', 'a', 0, 0, ''), ('q', 'b', 0, 0, '{"steps":[1]}');
  `)
  up(sqlite)
  const documents = (table: string) =>
    sqlite
      .prepare(`SELECT document FROM ${table}`)
      .all()
      .map(row => row.document)
  t.strictSame(documents('settings'), ['no json', '{"region":"r"}'])
  t.strictSame(documents('jobs'), ['{', '{"id":"b","failuresInARow":2}'])
  t.strictSame(documents('runs'), ['', '{"steps":[1],"trigger":"manual","resumptions":0}'])
})

t.test('counts, images and what is due walk an index, and never sort', async t => {
  const sqlite = old()
  up(sqlite)
  const plan = (text: string) =>
    sqlite
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all()
      .map(row => String(row.detail))
      .join('; ')
  const plans: [string, RegExp][] = [
    ['SELECT state, count(*) AS runs FROM runs GROUP BY state', /COVERING INDEX runs_by_state/],
    [
      "SELECT id, document FROM runs WHERE state = 'failed' AND (created_at, id) < (9, '') ORDER BY created_at DESC, id DESC LIMIT 9",
      /INDEX runs_by_state/,
    ],
    ["SELECT id FROM runs WHERE server_id = 's' AND has_image = 1 ORDER BY rowid DESC", /INDEX runs_with_image/],
    [
      "SELECT id FROM runs WHERE job_id = 'j' AND state = 'succeeded' ORDER BY rowid DESC LIMIT 1",
      /INDEX runs_succeeded/,
    ],
    [
      "SELECT id FROM notifications WHERE (at, id) < (9, '') ORDER BY at DESC, id DESC LIMIT 9",
      /INDEX notifications_by_time/,
    ],
    [
      'SELECT channel_id FROM deliveries WHERE next_try_at IS NOT NULL AND (next_try_at <= 5 OR next_try_at > 9) ORDER BY next_try_at',
      /INDEX deliveries_due/,
    ],
    [
      "SELECT id FROM jobs WHERE state = 'active' AND next_run_at IS NOT NULL ORDER BY next_run_at LIMIT 9",
      /INDEX jobs_due/,
    ],
  ]
  for (const [text, index] of plans) {
    t.match(plan(text), index, text)
    t.notMatch(plan(text), /TEMP B-TREE/, text)
  }
})

t.test('what is on its way goes with its notification and with its channel', async t => {
  const sqlite = old()
  up(sqlite)
  sqlite.exec(`PRAGMA foreign_keys = ON;
    INSERT INTO notification_channels VALUES ('a', 0, 1, '{}'), ('b', 0, 1, '{}');
    INSERT INTO notifications VALUES ('n', 0, '{}'), ('m', 0, '{}');
    INSERT INTO deliveries (notification_id, channel_id, attempts) VALUES ('n', 'a', 0), ('n', 'b', 0), ('m', 'a', 0);
    DELETE FROM notifications WHERE id = 'm';
    DELETE FROM notification_channels WHERE id = 'a'`)
  t.strictSame(
    sqlite
      .prepare('SELECT notification_id AS n, channel_id AS c FROM deliveries')
      .all()
      .map(row => Object.values(row)),
    [['n', 'b']],
  )
})
