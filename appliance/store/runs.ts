// Replication runs and their disks: history, what is under way, and progress that is cheap to write.
import { isStage, type Run, type RunDisk, type RunState } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { type Database, parseDocument, type Row, type Statements } from './database.ts'
import { decodeCursor, type Page, type PageRequest, pageLimit, toPage } from './paging.ts'
import { applyPatch, type Patch } from './patch.ts'
import { isUniqueBreach } from './sqlite-errors.ts'

/** `disks`, when given, replaces all disks. */
export type RunPatch = Patch<Omit<Run, 'id' | 'jobId' | 'serverId' | 'createdAt'>>

export interface RunListRequest extends PageRequest {
  jobId?: string | undefined
  state?: RunState | undefined
}

export interface RunRepository {
  /**
   * @throws {ApplianceError} NOT_FOUND when its job is gone, RUN_EXISTS when there was a run of this id,
   *   RUN_IN_PROGRESS when the job has a run under way
   */
  create(run: Run): Promise<Run>
  get(id: string): Promise<Run | undefined>
  /** Newest first. */
  list(request?: RunListRequest): Promise<Page<Run>>
  /** Replaces the whole run, durable when the promise resolves. @throws {ApplianceError} NOT_FOUND, RUN_ENDED when it was, and `run` is not */
  save(run: Run): Promise<void>
  /**
   * Replaces the whole run without an fsync: a kill of the process does not undo it, a power cut may. For byte counts, which
   * are found anew when the run goes on. The next `save` of any run makes it durable. @throws {ApplianceError} NOT_FOUND, RUN_IN_PROGRESS
   */
  saveProgress(run: Run): Promise<void>
  /** Durable when the promise resolves. @throws {ApplianceError} NOT_FOUND, RUN_IN_PROGRESS */
  update(id: string, patch: RunPatch): Promise<Run>
  /** Runs that have not ended, oldest first. */
  active(): Promise<Run[]>
  /** The run of a job that succeeded last here: an adopted image came from elsewhere. */
  lastSuccess(jobId: string): Promise<Run | undefined>
  /**
   * Succeeded runs of a server whose image has not been removed, of all its jobs. The one that became known last is the first,
   * whatever the clock said: its image need not be the newest, as old ones can be adopted.
   */
  imagesOf(serverId: string): Promise<Run[]>
}

/** Runs in the database. */
export function runRepository(database: Database): RunRepository {
  return {
    async create(run) {
      database.write(sql => {
        if (!sql.get('SELECT id FROM jobs WHERE id = ?', run.jobId))
          throw new ApplianceError('NOT_FOUND', `There is no job ${run.jobId}.`, {
            hint: 'It was deleted: make a new one for this server.',
          })
        if (sql.get('SELECT id FROM runs WHERE id = ?', run.id))
          throw new ApplianceError('RUN_EXISTS', `The run ${run.id} was begun before.`, {
            hint: 'Look at that run: a second one is not needed.',
          })
        onePerJob(run, () =>
          sql.run(
            `INSERT INTO runs (id, job_id, server_id, state, active, has_image, created_at, document)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
            run.id,
            run.jobId,
            run.serverId,
            run.state,
            isActive(run),
            hasImage(run),
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
      const { jobId, state } = request
      const conditions = `${jobId === undefined ? '' : 'job_id = ? AND '}${state === undefined ? '' : 'state = ? AND '}`
      const values = [jobId, state].filter(value => value !== undefined)
      return database.read(sql => {
        const rows = sql.all(
          `SELECT id, document FROM runs WHERE ${conditions}(created_at, id) < (?, ?)
           ORDER BY created_at DESC, id DESC LIMIT ?`,
          ...values,
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

    async saveProgress(run) {
      database.writeProgress(sql => replace(sql, run))
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

    async active() {
      return database.read(sql => {
        const rows = sql.all('SELECT id, document FROM runs WHERE active = 1 ORDER BY created_at, id')
        return rows.map(row => toRun(sql, row))
      })
    },

    async lastSuccess(jobId) {
      return database.read(sql => {
        const row = sql.get(
          `SELECT id, document FROM runs
           WHERE job_id = ? AND state = 'succeeded' AND document ->> '$.trigger' <> 'adopted' ORDER BY rowid DESC LIMIT 1`,
          jobId,
        )
        return row && toRun(sql, row)
      })
    },

    async imagesOf(serverId) {
      return database.read(sql => {
        const rows = sql.all(
          'SELECT id, document FROM runs WHERE server_id = ? AND has_image = 1 ORDER BY rowid DESC',
          serverId,
        )
        return rows.map(row => toRun(sql, row))
      })
    },
  }
}

function replace(sql: Statements, run: Run): void {
  const rows = onePerJob(run, () =>
    sql.run(
      // A run that has ended stays so, whatever a late write of who was told to let go of it says.
      'UPDATE runs SET state = ?, active = ?, has_image = ?, document = ? WHERE id = ? AND active >= ?',
      run.state,
      isActive(run),
      hasImage(run),
      documentOf(run),
      run.id,
      isActive(run),
    ),
  )
  if (rows === 0 && sql.get('SELECT id FROM runs WHERE id = ?', run.id))
    throw new ApplianceError('RUN_ENDED', `The run ${run.id} has ended: it is not taken up again.`, {
      hint: 'Start the job again.',
    })
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
  return isStage(run.state) ? 1 : 0
}

function hasImage(run: Run): 0 | 1 {
  return run.state === 'succeeded' && run.imageId !== undefined && run.imageRemovedAt === undefined ? 1 : 0
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
