// The worker that looks through a database file: it answers once, whatever the file is.
import { once } from 'node:events'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import t from 'tap'

async function findings(path: string): Promise<unknown> {
  const worker = new Worker(new URL('../../appliance/store/check-worker.ts', import.meta.url), { workerData: path })
  const [answer] = await once(worker, 'message')
  await worker.terminate()
  return answer
}

t.test('a whole file has none, also with a name that a URL would read otherwise', async t => {
  const path = join(t.testdir(), 'a ?#%41.db')
  const sqlite = new DatabaseSync(path)
  sqlite.exec('CREATE TABLE a (document TEXT)')
  sqlite.close()
  t.strictSame(await findings(path), [])
})

t.test('what is no database, and what is not there, says so', async t => {
  const directory = t.testdir({ text: 'no database'.repeat(999) })
  t.match(await findings(join(directory, 'text')), [/not a database/])
  t.match(await findings(join(directory, 'none')), [/unable to open/])
})
