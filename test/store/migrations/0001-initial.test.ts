// Schema 1: what it keeps unique, and that its indexes serve the listings.
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { up, version } from '../../../appliance/store/migrations/0001-initial.ts'

function fresh(): DatabaseSync {
  const sqlite = new DatabaseSync(':memory:')
  up(sqlite)
  return sqlite
}

t.test('it is the first', async t => {
  t.equal(version, 1)
})

t.test('a server has one job that has not ended, and any number that have', async t => {
  const sqlite = fresh()
  const add = (id: string, state: string) =>
    sqlite.prepare("INSERT INTO jobs VALUES (?, 'server', ?, 0, NULL, '{}')").run(id, state)
  add('a', 'ended')
  add('b', 'ended')
  add('c', 'paused')
  t.throws(() => add('d', 'active'), /UNIQUE/)
})

t.test('a job has one active run', async t => {
  const sqlite = fresh()
  const add = (id: string, active: number) =>
    sqlite.prepare("INSERT INTO runs VALUES (?, 'job', ?, 0, '{}')").run(id, active)
  add('a', 0)
  add('b', 1)
  t.throws(() => add('c', 1), /UNIQUE/)
})

t.test('listings and searches walk an index, and never sort or scan documents', async t => {
  const sqlite = fresh()
  const plan = (text: string) =>
    sqlite
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all()
      .map(row => String(row.detail))
      .join('; ')
  const search = plan(
    "SELECT sort_name, id, search_text FROM servers INDEXED BY servers_by_name WHERE (sort_name, id) > ('', '') ORDER BY sort_name, id LIMIT 9",
  )
  t.match(search, /SEARCH servers USING COVERING INDEX servers_by_name/)
  const runs = plan(
    "SELECT id, document FROM runs WHERE job_id = 'j' AND (created_at, id) < (9, '') ORDER BY created_at DESC, id DESC LIMIT 9",
  )
  t.match(runs, /SEARCH runs USING INDEX runs_by_job/)
  const due = plan(
    "SELECT id, document FROM jobs WHERE state = 'active' AND next_run_at IS NOT NULL AND next_run_at <= 5 ORDER BY next_run_at LIMIT 9",
  )
  t.match(due, /SEARCH jobs USING INDEX jobs_due/)
  for (const text of [search, runs, due]) t.notMatch(text, /TEMP B-TREE/)
})
