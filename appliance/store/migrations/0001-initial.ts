// Schema 1: settings, secrets, the server catalog, jobs and runs.
import type { DatabaseSync } from 'node:sqlite'

export const version = 1

/** Things are JSON documents, with beside them only the columns that are searched, ordered or kept unique. Times are epoch milliseconds. */
export function up(sqlite: DatabaseSync): void {
  sqlite.exec(`
    CREATE TABLE settings (
      name TEXT PRIMARY KEY,
      document TEXT NOT NULL
    ) STRICT;

    CREATE TABLE secrets (
      name TEXT PRIMARY KEY,
      nonce BLOB NOT NULL,
      tag BLOB NOT NULL,
      ciphertext BLOB NOT NULL
    ) STRICT;

    CREATE TABLE catalog_imports (
      generation INTEGER PRIMARY KEY AUTOINCREMENT,
      started_at INTEGER NOT NULL,
      finished_at INTEGER,
      servers INTEGER
    ) STRICT;

    CREATE TABLE servers (
      id TEXT PRIMARY KEY,
      generation INTEGER NOT NULL,
      sort_name TEXT NOT NULL,
      search_text TEXT NOT NULL,
      document TEXT NOT NULL
    ) STRICT;
    -- Covers a search completely, so that it never touches the documents.
    CREATE INDEX servers_by_name ON servers (sort_name, id, search_text);
    CREATE INDEX servers_by_generation ON servers (generation);

    CREATE TABLE jobs (
      id TEXT PRIMARY KEY,
      server_id TEXT NOT NULL,
      state TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      next_run_at INTEGER,
      document TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX jobs_one_per_server ON jobs (server_id) WHERE state <> 'ended';
    CREATE INDEX jobs_by_creation ON jobs (created_at, id);
    CREATE INDEX jobs_due ON jobs (next_run_at) WHERE state = 'active' AND next_run_at IS NOT NULL;

    -- job_id is no foreign key: the history of runs, and so of images, outlives its job.
    CREATE TABLE runs (
      id TEXT PRIMARY KEY,
      job_id TEXT NOT NULL,
      active INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      document TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX runs_one_active_per_job ON runs (job_id) WHERE active = 1;
    CREATE INDEX runs_by_creation ON runs (created_at, id);
    CREATE INDEX runs_by_job ON runs (job_id, created_at, id);

    CREATE TABLE run_disks (
      run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
      disk_key INTEGER NOT NULL,
      position INTEGER NOT NULL,
      document TEXT NOT NULL,
      PRIMARY KEY (run_id, disk_key)
    ) STRICT, WITHOUT ROWID;
  `)
}
