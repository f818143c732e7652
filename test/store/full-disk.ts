// Fills a small file system under an open store, makes room again, and prints what was seen: run by sqlite-errors.test.ts.
import { readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { takeBackup } from '../../appliance/store/backup.ts'
import { openDatabase } from '../../appliance/store/database.ts'
import { jobRepository } from '../../appliance/store/jobs.ts'
import { runRepository } from '../../appliance/store/runs.ts'
import { openStore } from '../../appliance/store/store.ts'
import { sampleJob, sampleRun } from './samples.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) throw new Error('It wants the directory of a file system that it may fill')
const fileSystem = statfsSync(directory)
/** Nothing but the small file system that was made for it may ever be filled. */
const largestBytes = 4 * 2 ** 20
if (fileSystem.blocks * fileSystem.bsize > largestBytes) throw new Error(`${directory} is not a file system of its own`)
const path = join(directory, 'hoist.db')

/** The code and hint of what a piece of work throws. */
async function thrownBy(work: () => unknown): Promise<unknown> {
  try {
    await work()
  } catch (thrown) {
    const { code, hint } = thrown as { code?: string; hint?: string }
    return { code, hint }
  }
  return undefined
}

let database = openDatabase(path)
let jobs = jobRepository(database)
const runs = runRepository(database)
const count = () => Number(database.read(sql => sql.get('SELECT count(*) AS n FROM jobs'))?.n)

await jobs.create(sampleJob(0))
const run = await runs.create(sampleRun(1, { jobId: 'job-0' }))
// Not quite all: the last of the room goes to the store itself.
fill('ballast', 256 * 1024)
let stored = 1
let refused: unknown
while (refused === undefined && stored < 5000) {
  refused = await thrownBy(() => jobs.create(sampleJob(stored)))
  if (refused === undefined) stored++
}
fill('rest', 0)
const progress = await thrownBy(() => runs.saveProgress({ ...run, warnings: Array(500).fill(run) as never[] }))
const backup = await thrownBy(() => takeBackup(database, directory, new Date()))
const copy = await thrownBy(() => database.copyTo(join(directory, 'copy.db')))
rmSync(join(directory, 'copy.db'), { force: true })
const stillThere = count()
rmSync(join(directory, 'ballast'))
rmSync(join(directory, 'rest'))
await jobs.create(sampleJob(9999))
const afterwards = count()
database.close()

// A database of the version before, on a disk that is full again: it is not upgraded without its copy.
const old = new DatabaseSync(path)
const version = Number(old.prepare('PRAGMA user_version').get()?.user_version)
old.exec('PRAGMA user_version = 1')
old.close()
fill('ballast', 0)
const upgrade = await thrownBy(() => openStore(directory))
rmSync(join(directory, 'ballast'))
const again = new DatabaseSync(path)
again.exec(`PRAGMA user_version = ${version}`)
again.close()

database = openDatabase(path)
jobs = jobRepository(database)
const integrity = database.read(sql => sql.get('PRAGMA integrity_check'))?.integrity_check
const reopened = count()
database.close()
const left = [...readdirSync(directory), ...readdirSync(join(directory, 'backups'))].filter(name => /new/.test(name))
process.stdout.write(
  JSON.stringify({
    stored,
    refused,
    progress,
    backup,
    copy,
    upgrade,
    stillThere,
    afterwards,
    integrity,
    reopened,
    left,
  }),
)

/** Fills the file system but for `leaveBytes`. */
function fill(name: string, leaveBytes: number): void {
  const file = join(path, '..', name)
  let bytes = 0
  const piece = Buffer.alloc(4096, 1)
  try {
    for (; bytes < largestBytes; bytes += piece.length) writeFileSync(file, piece, { flag: 'a' })
  } catch {
    // ENOSPC: it is full.
  }
  if (leaveBytes > 0) writeFileSync(file, Buffer.alloc(Math.max(0, bytes - leaveBytes), 1))
}
