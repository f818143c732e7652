// Brings a database's schema up to date, one numbered step after the other.
import type { DatabaseSync } from 'node:sqlite'
import { ApplianceError } from '../errors.ts'
import * as initial from './migrations/0001-initial.ts'
import * as engine from './migrations/0002-engine.ts'
import * as accounts from './migrations/0003-accounts.ts'

/** One step of the schema. A released step never changes again: a correction is the next step. */
export interface Migration {
  /** 1 for the first; no gaps. */
  version: number
  up(sqlite: DatabaseSync): void
}

export const migrations: readonly Migration[] = [initial, engine, accounts]

/**
 * Applies what is missing, each step in a transaction together with its number (`user_version`). A file that an older
 * version wrote is offered to `beforeUpgrade` first.
 * @throws {ApplianceError} STORE_NEWER when the file was written by a newer appliance; nothing is changed then
 */
export function migrate(
  sqlite: DatabaseSync,
  path: string,
  beforeUpgrade: (schema: number, copyTo: (path: string) => void) => void = () => undefined,
  steps: readonly Migration[] = migrations,
): void {
  const found = schemaOf(sqlite)
  const newest = steps.length
  if (found > newest)
    throw new ApplianceError(
      'STORE_NEWER',
      `The database ${path} has schema ${found}; this appliance knows ${newest}.`,
      {
        hint: 'Start the version that wrote it, or a newer one.',
      },
    )
  if (found > 0 && found < newest) beforeUpgrade(found, to => sqlite.prepare('VACUUM INTO ?').run(to))
  for (const step of steps.slice(found)) {
    sqlite.exec('BEGIN IMMEDIATE')
    try {
      step.up(sqlite)
      sqlite.exec(`PRAGMA user_version = ${step.version}`)
      sqlite.exec('COMMIT')
    } catch (thrown) {
      if (sqlite.isTransaction) sqlite.exec('ROLLBACK')
      throw thrown
    }
  }
}

function schemaOf(sqlite: DatabaseSync): number {
  return Number(sqlite.prepare('PRAGMA user_version').get()?.user_version)
}
