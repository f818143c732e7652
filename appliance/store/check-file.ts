// Checks a database file that is not open, on a thread of its own: a large one would hold the event loop for seconds.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** What is wrong with a copy of a database; empty when it is whole. Nothing is written, neither to it nor beside it. */
export async function checkFile(path: string): Promise<string[]> {
  const worker = new Worker(new URL('./check-worker.ts', import.meta.url), { workerData: path })
  try {
    const [findings] = (await once(worker, 'message')) as [string[]]
    return findings
  } finally {
    await worker.terminate()
  }
}
