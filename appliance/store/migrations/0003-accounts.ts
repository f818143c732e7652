// Schema 3: who may use the appliance, their sessions and tokens, the audit log, and how far the setup is.
import type { DatabaseSync } from 'node:sqlite'

export const version = 3

/**
 * Entries of the audit log that nobody can delete, the newest ones; older ones may be pruned. A released step never changes, so
 * the number stands here and not in a setting.
 */
export const auditKept = 20_000

/** Sessions and tokens are kept as SHA-256 of what the browser or script holds: a copy of the file opens nothing. */
export function up(sqlite: DatabaseSync): void {
  sqlite.exec(`
    CREATE TABLE accounts (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL COLLATE NOCASE UNIQUE,
      role TEXT NOT NULL CHECK (role IN ('administrator', 'operator', 'support')),
      password_hash TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      last_sign_in_at INTEGER
    ) STRICT;

    -- Failed sign-ins in a row, by the name that was given, also of names without an account: these as '#' and a hash.
    CREATE TABLE sign_in_failures (
      name TEXT PRIMARY KEY COLLATE NOCASE,
      failures INTEGER NOT NULL,
      failed_at INTEGER NOT NULL,
      locked_until INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX sign_in_failures_by_time ON sign_in_failures (failed_at);

    -- account_id is null for the session of a setup, before there is an account.
    CREATE TABLE sessions (
      hash TEXT PRIMARY KEY,
      account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
      created_at INTEGER NOT NULL,
      used_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_by_account ON sessions (account_id);
    CREATE INDEX sessions_by_use ON sessions (used_at);

    -- account_id is null for a token that a script on the appliance itself has made.
    CREATE TABLE api_tokens (
      id TEXT PRIMARY KEY,
      hash TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      account_id TEXT REFERENCES accounts (id) ON DELETE CASCADE,
      read_only INTEGER NOT NULL,
      created_at INTEGER NOT NULL,
      last_used_at INTEGER
    ) STRICT;
    CREATE INDEX api_tokens_by_account ON api_tokens (account_id);

    CREATE TABLE audit (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      document TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    WHEN OLD.id > (SELECT max(id) FROM audit) - ${auditKept}
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

    -- REPLACE deletes without asking the trigger above.
    CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
    WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
    BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

    CREATE TABLE setup_steps (
      id TEXT PRIMARY KEY,
      done_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `)
}
