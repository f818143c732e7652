// The witness: a Python process with boto3 and sqlite3 that tells what is really there. No line of the appliance takes part.
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { AccessKey, Lab } from '../lab/lab.ts'
import { run, tools } from '../lab/tools.ts'

export interface Inventory {
  /** `bucket/key`. */
  objects: string[]
  uploads: string[]
  snapshots: { id: string; state: string; tags: Record<string, string> }[]
  images: { id: string; state: string; tags: Record<string, string>; snapshots: string[] }[]
  /** Import tasks that go on. */
  tasks: string[]
}

/** What the checks read of a run's document; the database may hold more. */
export interface StoredRun {
  id: string
  jobId: string
  serverName: string
  state: string
  trigger?: string
  startedAt?: string
  endedAt?: string
  imageId?: string
  imageSnapshotIds: string[]
  imageRemovedAt?: string
  failure?: { code: string; message: string }
  disks: { key: number; label: string; sizeBytes: number; snapshotId?: string }[]
}

export interface StoredDatabase {
  integrity: string[]
  brokenReferences: unknown[]
  jobs: { id: string; serverName: string; state: string }[]
  runs: StoredRun[]
}

export class Witness {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>
  #queue: Promise<unknown> = Promise.resolve()

  constructor() {
    this.#child = spawn(tools.python, ['-u', join(import.meta.dirname, 'witness.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  inventory(lab: Lab): Promise<Inventory> {
    return this.#ask('inventory', account(lab))
  }

  read(
    lab: Lab,
    snapshots: { snapshotId: string; sizeBytes: number }[],
  ): Promise<{ snapshotId: string; sha256: string; zeroBeyondEnd: boolean }[]> {
    return this.#ask('read', { ...account(lab), snapshots })
  }

  sha256(files: string[]): Promise<string[]> {
    return this.#ask('sha256', { files })
  }

  database(directory: string): Promise<StoredDatabase> {
    return this.#ask('database', { directory })
  }

  newKey(lab: Lab, user: string): Promise<AccessKey> {
    return this.#ask('newKey', { ...account(lab), user })
  }

  async getObject(lab: Lab, object: string): Promise<string> {
    return (await this.#ask<{ text: string }>('getObject', { ...account(lab), object })).text
  }

  async putObject(lab: Lab, object: string, text: string): Promise<void> {
    await this.#ask('putObject', { ...account(lab), object, text })
  }

  async close(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.stdin.end()
    await ended
  }

  #ask<T>(deed: string, request: Record<string, unknown>): Promise<T> {
    const answer = this.#queue.then(async () => {
      this.#child.stdin.write(`${JSON.stringify({ do: deed, ...request })}\n`)
      const line = await this.#answers.next()
      if (line.done) throw new Error('The witness has ended')
      const result = JSON.parse(line.value)
      if (typeof result.error === 'string') throw new Error(`${deed}: ${result.error}`)
      return result as T
    })
    this.#queue = answer.catch(() => undefined) // whoever asked gets it
    return answer
  }
}

function account(lab: Lab) {
  const { endpoint, region, admin } = lab.aws
  return { endpoint, region, ...admin }
}

/** What VMs hold that they should not: snapshots, and disks that wait for consolidation. As govc tells. */
export async function vmLeftovers(lab: Lab): Promise<string[]> {
  const { url, admin } = lab.vcenter
  const wanted = ['name', 'snapshot', 'runtime.consolidationNeeded']
  const text = await run(tools.govc, ['collect', '-json', '-type', 'm', '/', ...wanted], {
    env: {
      ...process.env,
      GOVC_URL: url,
      GOVC_USERNAME: admin.username,
      GOVC_PASSWORD: admin.password,
      GOVC_INSECURE: '1',
      GOVC_PERSIST_SESSION: 'false',
    },
  })
  // One indented object after the other.
  return text.split(/(?<=^\})\n/m).flatMap(object => {
    if (object.trim() === '') return []
    const changes: { name: string; val: unknown }[] = JSON.parse(object).changeSet
    const value = (name: string) => changes.find(change => change.name === name)?.val
    return [
      ...(value('snapshot') ? [`VM snapshot of ${value('name')}: ${JSON.stringify(value('snapshot'))}`] : []),
      ...(value('runtime.consolidationNeeded') ? [`${value('name')} needs consolidation`] : []),
    ]
  })
}
