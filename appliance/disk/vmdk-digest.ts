// Decodes streams beside their upload: the main thread passes the bytes on, a few worker threads check and hash them.
import { Worker } from 'node:worker_threads'
import { ApplianceError } from '../errors.ts'
import type { DecodeAnswer, DecodeFailure, DecodeRequest, VmdkDigestResult } from './decode-worker.ts'

export type { VmdkDigestResult } from './decode-worker.ts'

export interface VmdkDigestOptions {
  /** Names the server and disk in error messages. */
  diskLabel: string
  sizeBytesExpected: number
  /** Where the manifest gets its name once the whole stream was good. */
  manifestPath: string
  /** Gives the digest up when it aborts, like close(). */
  signal?: AbortSignal
  /** From this many bytes that no worker has taken yet, push asks the caller to wait. Default 4 MiB. */
  maxBytesInFlight?: number
}

/** One stream being decoded. After an error every call rejects with it. */
export interface VmdkDigest {
  /**
   * Passes the next bytes on. Views of a SharedArrayBuffer are not copied: leave them unchanged until `consumed()`. Others are.
   * A message costs about 20 µs: push 256 KiB or more at once. Await what it returns, if anything, before the next push.
   */
  push(chunk: Uint8Array): Promise<void> | undefined
  /** Resolves once everything pushed before the call was decoded, so that its buffers can be used again, whatever is pushed meanwhile. */
  consumed(): Promise<void>
  /** How far the stream has come on the disk, holes included: for progress. */
  readonly positionBytes: number
  /** The stream has ended. Rejects with the named error if it was not whole; then no manifest is left. */
  finish(): Promise<VmdkDigestResult>
  /** Gives up if it has not finished, and removes what was written of the manifest. May be called at any time, twice too. */
  close(): Promise<void>
}

export interface VmdkDigestPool {
  startVmdkDigest(options: VmdkDigestOptions): VmdkDigest
  /** Ends the workers; digests under way reject with DIGEST_CLOSED. */
  close(): Promise<void>
}

const MAX_BYTES_IN_FLIGHT = 4 * 2 ** 20

interface Waiter {
  /** Met once the worker has decoded this many bytes of the stream. */
  decodedBytes: number
  resolve: () => void
  reject: (error: ApplianceError) => void
}

function rebuild(failure: DecodeFailure): ApplianceError {
  const { code, message, hint, statusCode, stack } = failure
  const error = new ApplianceError(code, message, { hint, statusCode })
  if (stack !== undefined) error.stack = stack
  return error
}

class WorkerDigest implements VmdkDigest {
  readonly #post: (message: DecodeRequest) => void
  readonly #id: number
  readonly #options: VmdkDigestOptions
  readonly #onEnd: () => void
  readonly #abort = () => void this.close()
  readonly #closed = Promise.withResolvers<void>()
  readonly #result = Promise.withResolvers<VmdkDigestResult>()
  /** Bytes of the stream, which the worker takes in order. */
  #pushedBytes = 0
  #decodedBytes = 0
  #waiters: Waiter[] = []
  #failure: ApplianceError | undefined
  #state: 'open' | 'closing' | 'ended' = 'open'
  positionBytes = 0

  constructor(id: number, options: VmdkDigestOptions, post: (message: DecodeRequest) => void, onEnd: () => void) {
    this.#id = id
    this.#options = options
    this.#post = post
    this.#onEnd = onEnd
    // Whoever calls finish() hears of a failure; without that call it is told by push().
    this.#result.promise.catch(() => undefined)
    const { diskLabel, sizeBytesExpected, manifestPath, signal } = options
    post({ kind: 'open', id, diskLabel, sizeBytesExpected, manifestPath })
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.#abort()
  }

  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#failure) return Promise.reject(this.#failure)
    this.#pushedBytes += chunk.length
    this.#post({ kind: 'chunk', id: this.#id, chunk })
    const limit = this.#options.maxBytesInFlight ?? MAX_BYTES_IN_FLIGHT
    return this.#pushedBytes - this.#decodedBytes > limit ? this.#untilDecoded(this.#pushedBytes - limit) : undefined
  }

  consumed(): Promise<void> {
    return this.#untilDecoded(this.#pushedBytes)
  }

  finish(): Promise<VmdkDigestResult> {
    if (!this.#failure && this.#state === 'open') this.#post({ kind: 'finish', id: this.#id })
    return this.#result.promise
  }

  async close(): Promise<void> {
    if (this.#state === 'open') {
      this.#state = 'closing'
      const cause = this.#options.signal?.aborted ? this.#options.signal.reason : undefined
      this.#fail(
        new ApplianceError('DIGEST_CLOSED', `The check of ${this.#options.diskLabel} was given up`, {
          cause,
          hint: 'Start the run again.',
        }),
      )
      this.#post({ kind: 'close', id: this.#id })
    }
    await this.#closed.promise
  }

  /** What the worker said about this digest. */
  receive(answer: DecodeAnswer): void {
    switch (answer.kind) {
      case 'consumed':
        this.#decodedBytes += answer.bytes
        this.positionBytes = Math.max(this.positionBytes, answer.positionBytes)
        this.#wake()
        break
      case 'finished':
        this.#result.resolve(answer.result)
        this.#end()
        break
      case 'failed':
        this.abandon(rebuild(answer.failure))
        break
      case 'closed':
        this.#end()
        break
    }
  }

  /** Ends without a word from the worker, which failed or is gone. */
  abandon(error: ApplianceError): void {
    this.#fail(error)
    this.#end()
  }

  #untilDecoded(decodedBytes: number): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure)
    if (this.#decodedBytes >= decodedBytes) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.push({ decodedBytes, resolve, reject }))
  }

  #wake(): void {
    const met = this.#waiters.filter(waiter => this.#decodedBytes >= waiter.decodedBytes)
    this.#waiters = this.#waiters.filter(waiter => this.#decodedBytes < waiter.decodedBytes)
    for (const waiter of met) waiter.resolve()
  }

  #fail(error: ApplianceError): void {
    if (this.#failure) return
    this.#failure = error
    this.#result.reject(error)
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }

  #end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#closed.resolve()
    this.#onEnd()
  }
}

/** A worker and the digests that it carries. It holds the process only while it has some. */
class DecodeThread {
  readonly #digests = new Map<number, WorkerDigest>()
  #worker: Worker | undefined

  get load(): number {
    return this.#digests.size
  }

  start(id: number, options: VmdkDigestOptions): VmdkDigest {
    const worker = this.#ensureWorker()
    worker.ref()
    const digest = new WorkerDigest(
      id,
      options,
      message => worker.postMessage(message),
      () => {
        this.#digests.delete(id)
        if (this.#digests.size === 0) worker.unref()
      },
    )
    this.#digests.set(id, digest)
    return digest
  }

  async close(): Promise<void> {
    await Promise.all([...this.#digests.values()].map(digest => digest.close()))
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #ensureWorker(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(new URL('./decode-worker.ts', import.meta.url), {
      name: 'vmdk-decode',
      // Its bytes live in Buffers; a small young generation keeps the heap from growing with messages.
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
    })
    worker.on('message', (answer: DecodeAnswer) => this.#digests.get(answer.id)?.receive(answer))
    worker.on('error', error => this.#lose(worker, error))
    worker.on('exit', () => this.#lose(worker, undefined))
    this.#worker = worker
    return worker
  }

  #lose(worker: Worker, cause: unknown): void {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const error = new ApplianceError('DIGEST_FAILED', 'The worker that checks disk streams ended unexpectedly', {
      cause,
      hint: 'Run again. If it happens each time, give the appliance more memory and report this with the log bundle.',
    })
    for (const digest of [...this.#digests.values()]) digest.abandon(error)
  }
}

/** Two threads carry any number of disks: more would not get more of an appliance's cores, and each costs about 15 MiB. */
export function createVmdkDigestPool(options: { workers?: number } = {}): VmdkDigestPool {
  const threads = Array.from({ length: options.workers ?? 2 }, () => new DecodeThread())
  let nextId = 1
  return {
    startVmdkDigest(digestOptions) {
      const thread = threads.reduce((least, candidate) => (candidate.load < least.load ? candidate : least))
      return thread.start(nextId++, digestOptions)
    },
    async close() {
      await Promise.all(threads.map(thread => thread.close()))
    },
  }
}
