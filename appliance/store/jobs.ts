// Replication jobs: one per server that has not ended, and which of them are due.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Job } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { everyItem } from '../every-item.ts'
import { type Database, parseDocument, type Row, type Statements } from './database.ts'
import { decodeCursor, maxLimit, type Page, type PageRequest, pageLimit, toPage } from './paging.ts'
import { applyPatch, type Patch } from './patch.ts'
import { isUniqueBreach } from './sqlite-errors.ts'

export type JobPatch = Patch<Omit<Job, 'id' | 'serverId' | 'createdAt'>>

export type JobOutline = Pick<Job, 'id' | 'serverName' | 'state'>

export interface JobRepository {
  /** @throws {ApplianceError} JOB_EXISTS when the server has an active or paused job */
  create(job: Job): Promise<Job>
  get(id: string): Promise<Job | undefined>
  /** The job of a server that has not ended. */
  ofServer(serverId: string): Promise<Job | undefined>
  /** In the order in which they were made. */
  list(request?: PageRequest): Promise<Page<Job>>
  /** What figures tell of every job, without the documents: in pages, between which others get the event loop. */
  outlines(): AsyncGenerator<JobOutline[]>
  /** @throws {ApplianceError} NOT_FOUND, JOB_EXISTS when it would become the server's second */
  update(id: string, patch: JobPatch): Promise<Job>
  /** Active jobs whose next run is due at `now`, longest due first, at most 500. */
  due(now: Date): Promise<Job[]>
  /** Its runs stay, as history. @throws {ApplianceError} NOT_FOUND, RUN_IN_PROGRESS */
  delete(id: string): Promise<void>
}

/** Every job, page by page. */
export function everyJob(jobs: Pick<JobRepository, 'list'>): AsyncGenerator<Job> {
  return everyItem(after => jobs.list({ limit: maxLimit, after }))
}

/** Jobs in the database. */
export function jobRepository(database: Database): JobRepository {
  return {
    async create(job) {
      onePerServer(job, () =>
        database.write(sql =>
          sql.run(
            'INSERT INTO jobs (id, server_id, state, created_at, next_run_at, document) VALUES (?, ?, ?, ?, ?, ?)',
            job.id,
            job.serverId,
            job.state,
            Date.parse(job.createdAt),
            nextRunMs(job),
            JSON.stringify(job),
          ),
        ),
      )
      return job
    },

    async get(id) {
      return database.read(sql => find(sql, id))
    },

    async ofServer(serverId) {
      const row = database.read(sql =>
        sql.get("SELECT id, document FROM jobs WHERE server_id = ? AND state <> 'ended'", serverId),
      )
      return row && toJob(row)
    },

    async list(request = {}) {
      const limit = pageLimit(request)
      const [key, id] =
        request.after === undefined ? [Number.MIN_SAFE_INTEGER, ''] : decodeCursor(request.after, 'number')
      const rows = database.read(sql =>
        sql.all(
          'SELECT id, document FROM jobs WHERE (created_at, id) > (?, ?) ORDER BY created_at, id LIMIT ?',
          key,
          id,
          limit + 1,
        ),
      )
      return toPage(rows.map(toJob), limit, job => [Date.parse(job.createdAt), job.id])
    },

    async *outlines() {
      for (let after = ''; ; await nextTurn()) {
        const rows = database.read(sql =>
          sql.all(
            "SELECT id, state, document ->> '$.serverName' AS server_name FROM jobs WHERE id > ? ORDER BY id LIMIT ?",
            after,
            maxLimit,
          ),
        )
        yield rows.map(({ id, state, server_name: serverName }) => ({
          ...{ id: String(id), state: state as Job['state'], serverName: String(serverName) },
        }))
        if (rows.length < maxLimit) return
        after = String(rows.at(-1)?.id)
      }
    },

    async update(id, patch) {
      return database.write(sql => {
        const found = find(sql, id)
        if (!found) throw missing(id)
        const job = applyPatch<Job>(found, patch)
        onePerServer(job, () =>
          sql.run(
            'UPDATE jobs SET state = ?, next_run_at = ?, document = ? WHERE id = ?',
            job.state,
            nextRunMs(job),
            JSON.stringify(job),
            id,
          ),
        )
        return job
      })
    },

    async due(now) {
      const rows = database.read(sql =>
        sql.all(
          `SELECT id, document FROM jobs WHERE state = 'active' AND next_run_at IS NOT NULL AND next_run_at <= ?
           ORDER BY next_run_at LIMIT ?`,
          now.getTime(),
          maxLimit,
        ),
      )
      return rows.map(toJob)
    },

    async delete(id) {
      database.write(sql => {
        if (sql.get('SELECT id FROM runs WHERE job_id = ? AND active = 1', id))
          throw new ApplianceError('RUN_IN_PROGRESS', `A run of job ${id} is under way.`, {
            hint: 'Cancel the run, wait for its end, then delete the job.',
          })
        if (sql.run('DELETE FROM jobs WHERE id = ?', id) === 0) throw missing(id)
      })
    },
  }
}

function find(sql: Statements, id: string): Job | undefined {
  const row = sql.get('SELECT id, document FROM jobs WHERE id = ?', id)
  return row && toJob(row)
}

function toJob(row: Row): Job {
  return parseDocument<Job>(row.document, `job ${String(row.id)}`)
}

/** Zones differ between ISO texts, so they are compared as instants. */
function nextRunMs(job: Job): number | null {
  return job.nextRunAt === undefined ? null : Date.parse(job.nextRunAt)
}

function onePerServer(job: Job, write: () => unknown): void {
  try {
    write()
  } catch (cause) {
    if (!isUniqueBreach(cause)) throw cause
    throw new ApplianceError('JOB_EXISTS', `The server "${job.serverName}" already has a replication job.`, {
      cause,
      hint: 'Change or delete that job instead.',
    })
  }
}

function missing(id: string): ApplianceError {
  return new ApplianceError('NOT_FOUND', `There is no job ${id}.`, { hint: 'List the jobs to see which there are.' })
}
