// How far the setup is: which steps of the wizard are done.
import type { Database } from './database.ts'

export interface SetupProgressRepository {
  /** When each step was done. */
  done(): Promise<ReadonlyMap<string, Date>>
  /** A step done again keeps its time. */
  setDone(id: string, at: Date): Promise<void>
  setNotDone(id: string): Promise<void>
}

/** The setup's progress in the database. */
export function setupProgressRepository(database: Database): SetupProgressRepository {
  return {
    async done() {
      const rows = database.read(sql => sql.all('SELECT id, done_at FROM setup_steps'))
      return new Map(rows.map(row => [String(row.id), new Date(Number(row.done_at))]))
    },
    async setDone(id, at) {
      database.write(sql =>
        sql.run('INSERT INTO setup_steps (id, done_at) VALUES (?, ?) ON CONFLICT (id) DO NOTHING', id, at.getTime()),
      )
    },
    async setNotDone(id) {
      database.write(sql => sql.run('DELETE FROM setup_steps WHERE id = ?', id))
    },
  }
}
