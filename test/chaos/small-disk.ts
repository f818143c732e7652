// A data directory on a file system of its own, so small that it can be filled: tmpfs in a mount namespace, which needs no root.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'

const sizeMiB = 48

/** Lives as long as this object's process, also while no appliance runs in it. */
export class SmallDisk {
  readonly #keeper: ChildProcess
  readonly #mount: string

  private constructor(keeper: ChildProcess, mount: string) {
    this.#keeper = keeper
    this.#mount = mount
  }

  /**
   * @param mount an empty directory; only who is inside sees the tmpfs there
   * @throws Error with the system's own words where namespaces or tmpfs are refused
   */
  static async open(mount: string): Promise<SmallDisk> {
    const script = 'mount -t tmpfs -o size="$1" chaos "$2" && echo ready && exec cat'
    const keeper = spawn('unshare', ['-Urm', 'sh', '-c', script, 'sh', `${sizeMiB}m`, mount], { stdio: 'pipe' })
    let words = ''
    keeper.stderr?.on('data', chunk => {
      words += chunk
    })
    const ready = await Promise.race([
      once(keeper.stdout as NodeJS.ReadableStream, 'data').then(() => true),
      once(keeper, 'exit').then(() => false),
      once(keeper, 'error').then(([error]) => {
        words += error
        return false
      }),
    ])
    if (!ready) throw new Error(`No file system of its own for the data directory: ${words.trim()}`)
    return new SmallDisk(keeper, mount)
  }

  /** For ApplianceProcess: what makes a program run inside. */
  get wrap(): string[] {
    const enter = ['nsenter', '--target', `${this.#keeper.pid}`, '--user', '--mount', '--preserve-credentials', '--']
    // Entering puts us at the root.
    return [...enter, 'env', `--chdir=${process.cwd()}`]
  }

  /** A path inside, as seen from here. */
  seen(path: string): string {
    return `/proc/${this.#keeper.pid}/root${path}`
  }

  /** Takes all the room there is. */
  async fill(): Promise<void> {
    const file = await open(this.#filler, 'w')
    try {
      for (const piece of [Buffer.alloc(1024 * 1024, 1), Buffer.alloc(4096, 1)]) await fillBy(file, piece)
    } finally {
      await file.close()
    }
  }

  async empty(): Promise<void> {
    await rm(this.#filler, { force: true })
  }

  async close(): Promise<void> {
    if (this.#keeper.exitCode !== null) return
    const ended = once(this.#keeper, 'exit')
    this.#keeper.stdin?.end()
    await ended
  }

  get #filler(): string {
    return this.seen(join(this.#mount, 'filler'))
  }
}

async function fillBy(file: { write(piece: Buffer): Promise<unknown> }, piece: Buffer): Promise<void> {
  try {
    for (;;) await file.write(piece)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}
