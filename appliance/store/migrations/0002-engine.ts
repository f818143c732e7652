// Schema 2: runs that go on after a restart, images that retention looks for, notifications and where they go.
import type { DatabaseSync } from 'node:sqlite'

export const version = 2

/**
 * Older documents get the fields that have no default elsewhere. What is no JSON is left as it is: it is told of where it is
 * read. An older version did not note why it started a run, so that all of them count as started by hand.
 */
export function up(sqlite: DatabaseSync): void {
  sqlite.exec(`
    UPDATE settings SET document = json_insert(document, '$.mark', 0, '$.generation', lower(hex(randomblob(8)))) WHERE name = 'connector' AND json_valid(document);
    UPDATE jobs SET document = json_insert(document, '$.failuresInARow', 0) WHERE json_valid(document);

    ALTER TABLE runs ADD COLUMN server_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE runs ADD COLUMN state TEXT NOT NULL DEFAULT '';
    -- 1 while the run has an image that retention has not taken away.
    ALTER TABLE runs ADD COLUMN has_image INTEGER NOT NULL DEFAULT 0;
    UPDATE runs SET
      server_id = ifnull(document ->> '$.serverId', ''),
      state = ifnull(document ->> '$.state', ''),
      has_image = document ->> '$.state' IS 'succeeded' AND document ->> '$.imageId' IS NOT NULL,
      document = json_insert(document, '$.trigger', 'manual', '$.steps', json_array(), '$.resumptions', 0)
    WHERE json_valid(document);
    -- Covers the count of every state, and serves a listing of one.
    CREATE INDEX runs_by_state ON runs (state, created_at, id);
    -- Both in the order in which runs became known (rowid): a clock that was wrong for a while must not make an old image the newest.
    CREATE INDEX runs_with_image ON runs (server_id) WHERE has_image = 1;
    CREATE INDEX runs_succeeded ON runs (job_id) WHERE state = 'succeeded';

    CREATE TABLE notification_channels (
      id TEXT PRIMARY KEY,
      created_at INTEGER NOT NULL,
      enabled INTEGER NOT NULL,
      document TEXT NOT NULL
    ) STRICT;

    CREATE TABLE notifications (
      id TEXT PRIMARY KEY,
      at INTEGER NOT NULL,
      document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX notifications_by_time ON notifications (at, id);

    -- A notification on its way to one channel. next_try_at is null once it was delivered or given up.
    CREATE TABLE deliveries (
      notification_id TEXT NOT NULL REFERENCES notifications (id) ON DELETE CASCADE,
      channel_id TEXT NOT NULL REFERENCES notification_channels (id) ON DELETE CASCADE,
      attempts INTEGER NOT NULL,
      next_try_at INTEGER,
      delivered_at INTEGER,
      error TEXT,
      PRIMARY KEY (notification_id, channel_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX deliveries_due ON deliveries (next_try_at) WHERE next_try_at IS NOT NULL;
    CREATE INDEX deliveries_by_channel ON deliveries (channel_id);
  `)
}
