// A worker that looks through one database file that nobody writes, and posts what is wrong with it.
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { findDamage } from './check-database.ts'

parentPort?.postMessage(findingsOf(String(workerData)))

/** `immutable`: the copy of a database in WAL mode is read without making a log beside it. */
function findingsOf(path: string): string[] {
  try {
    const sqlite = new DatabaseSync(`${pathToFileURL(path).href}?immutable=1`, { readOnly: true })
    try {
      return findDamage(sqlite)
    } finally {
      sqlite.close()
    }
  } catch (thrown) {
    return [thrown instanceof Error ? thrown.message : String(thrown)]
  }
}
