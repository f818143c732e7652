// Replication runs and their disks: history, what is under way, and progress that is cheap to write.
import { type Run, type RunDisk, runStages } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type Database, isUniqueBreach, parseDocument, type Row, type Statements } from './database.ts'
import { decodeCursor, type Page, type PageRequest, pageLimit, toPage } from './paging.ts'
import { applyPatch, type Patch } from './patch.ts'

/** `disks`, when given, replaces all disks. */
export type RunPatch = Patch<Omit<Run, 'id' | 'jobId' | 'serverId' | 'createdAt'>>
export type RunDiskPatch = Patch<Omit<RunDisk, 'key'>>

export interface RunListRequest extends PageRequest {
  jobId?: string | undefined
}

export interface RunRepository {
  /** @throws {ApplianceError} NOT_FOUND when its job is gone, RUN_IN_PROGRESS when the job has a run under way */
  create(run: Run): Promise<Run>
  get(id: string): Promise<Run | undefined>
  /** Newest first. */
  list(request?: RunListRequest): Promise<Page<Run>>
  /** Replaces the whole run, durable when the promise resolves. @throws {ApplianceError} NOT_FOUND, RUN_IN_PROGRESS */
  save(run: Run): Promise<void>
  /** Durable when the promise resolves. @throws {ApplianceError} NOT_FOUND, RUN_IN_PROGRESS */
  update(id: string, patch: RunPatch): Promise<Run>
  /** Changes one disk. Byte counts alone are written without an fsync: a power cut may lose the last of them. @throws {ApplianceError} NOT_FOUND */
  updateDisk(runId: string, key: number, patch: RunDiskPatch): Promise<void>
  /** Runs that have not ended, oldest first. */
  active(): Promise<Run[]>
}

/** Losing the newest of these costs nothing: they are counted anew when the run goes on. */
const progressFields = new Set(['readBytes', 'uploadedBytes', 'importStatus'])

/** Runs in the database. */
export function runRepository(database: Database): RunRepository {
  return {
    async create(run) {
      database.write(sql => {
        if (!sql.get('SELECT id FROM jobs WHERE id = ?', run.jobId))
          throw new ApplianceError('NOT_FOUND', `There is no job ${run.jobId}.`, {
            hint: 'It was deleted: make a new one for this server.',
          })
        onePerJob(run, () =>
          sql.run(
            'INSERT INTO runs (id, job_id, active, created_at, document) VALUES (?, ?, ?, ?, ?)',
            run.id,
            run.jobId,
            isActive(run),
            Date.parse(run.createdAt),
            documentOf(run),
          ),
        )
        writeDisks(sql, run)
      })
      return run
    },

    async get(id) {
      return database.read(sql => find(sql, id))
    },

    async list(request = {}) {
      const limit = pageLimit(request)
      const [key, id] =
        request.after === undefined ? [Number.MAX_SAFE_INTEGER, ''] : decodeCursor(request.after, 'number')
      return database.read(sql => {
        const rows =
          request.jobId === undefined
            ? sql.all(
                `SELECT id, document FROM runs WHERE (created_at, id) < (?, ?)
                 ORDER BY created_at DESC, id DESC LIMIT ?`,
                key,
                id,
                limit + 1,
              )
            : sql.all(
                `SELECT id, document FROM runs WHERE job_id = ? AND (created_at, id) < (?, ?)
                 ORDER BY created_at DESC, id DESC LIMIT ?`,
                request.jobId,
                key,
                id,
                limit + 1,
              )
        const runs = rows.map(row => toRun(sql, row))
        return toPage(runs, limit, run => [Date.parse(run.createdAt), run.id])
      })
    },

    async save(run) {
      database.write(sql => replace(sql, run))
    },

    async update(id, patch) {
      return database.write(sql => {
        const found = find(sql, id)
        if (!found) throw missing(id)
        const run = applyPatch<Run>(found, patch)
        replace(sql, run)
        return run
      })
    },

    async updateDisk(runId, key, patch) {
      const change = (sql: Statements) => {
        const row = sql.get('SELECT document FROM run_disks WHERE run_id = ? AND disk_key = ?', runId, key)
        if (!row) throw missing(`${runId} with a disk ${key}`)
        const disk = applyPatch<RunDisk>(parseDocument<RunDisk>(row.document, `disk ${key} of run ${runId}`), patch)
        const document = JSON.stringify(disk)
        sql.run('UPDATE run_disks SET document = ? WHERE run_id = ? AND disk_key = ?', document, runId, key)
      }
      if (Object.keys(patch).every(field => progressFields.has(field))) database.writeProgress(change)
      else database.write(change)
    },

    async active() {
      return database.read(sql => {
        const rows = sql.all('SELECT id, document FROM runs WHERE active = 1 ORDER BY created_at, id')
        return rows.map(row => toRun(sql, row))
      })
    },
  }
}

function replace(sql: Statements, run: Run): void {
  const rows = onePerJob(run, () =>
    sql.run('UPDATE runs SET active = ?, document = ? WHERE id = ?', isActive(run), documentOf(run), run.id),
  )
  if (rows === 0) throw missing(run.id)
  writeDisks(sql, run)
}

/** Only disks that differ are written. */
function writeDisks(sql: Statements, run: Run): void {
  const gone = new Set(
    sql.all('SELECT disk_key FROM run_disks WHERE run_id = ?', run.id).map(row => Number(row.disk_key)),
  )
  for (const [position, disk] of run.disks.entries()) {
    gone.delete(disk.key)
    sql.run(
      `INSERT INTO run_disks (run_id, disk_key, position, document) VALUES (?, ?, ?, ?)
       ON CONFLICT (run_id, disk_key) DO UPDATE SET position = excluded.position, document = excluded.document
       WHERE position <> excluded.position OR document <> excluded.document`,
      run.id,
      disk.key,
      position,
      JSON.stringify(disk),
    )
  }
  for (const key of gone) sql.run('DELETE FROM run_disks WHERE run_id = ? AND disk_key = ?', run.id, key)
}

function find(sql: Statements, id: string): Run | undefined {
  const row = sql.get('SELECT id, document FROM runs WHERE id = ?', id)
  return row && toRun(sql, row)
}

function toRun(sql: Statements, row: Row): Run {
  const id = String(row.id)
  const rows = sql.all('SELECT document FROM run_disks WHERE run_id = ? ORDER BY position', id)
  const disks = rows.map(disk => parseDocument<RunDisk>(disk.document, `disk of run ${id}`))
  return { ...parseDocument<Omit<Run, 'disks'>>(row.document, `run ${id}`), disks }
}

function documentOf({ disks: _ownTable, ...run }: Run): string {
  return JSON.stringify(run)
}

function isActive(run: Run): 0 | 1 {
  return (runStages as readonly string[]).includes(run.state) ? 1 : 0
}

function onePerJob<T>(run: Run, write: () => T): T {
  try {
    return write()
  } catch (cause) {
    if (!isUniqueBreach(cause)) throw cause
    throw new ApplianceError('RUN_IN_PROGRESS', `A run of the server "${run.serverName}" is under way.`, {
      cause,
      hint: 'Wait for its end, or cancel it.',
    })
  }
}

function missing(id: string): ApplianceError {
  return new ApplianceError('NOT_FOUND', `There is no run ${id}.`, { hint: 'List the runs to see which there are.' })
}
