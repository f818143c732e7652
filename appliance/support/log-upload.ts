// Sends the log bundle of the day to the connector's bucket, when an administrator has switched that on.
import { setTimeout as delay } from 'node:timers/promises'
import { toApplianceError } from '../errors.ts'
import type { LogUpload as LogUploadSetting } from '../store/settings.ts'
import type { Bundle } from './bundle.ts'

export interface LogUploadOptions {
  setting: { get(): Promise<LogUploadSetting | undefined>; set(setting: LogUploadSetting): Promise<void> }
  bundle(span: { from?: Date }): Bundle
  /** Puts it below the prefix for logs, and tells its key; undefined while the connector may not write. */
  put(fileName: string, body: Buffer, signal: AbortSignal): Promise<string | undefined>
  now(): Date
  onError(thrown: unknown): void
  /** Between two looks, milliseconds. */
  lookMs?: number
}

export interface LogUploadView {
  enabled: boolean
  lastAt?: string
  lastKey?: string
  failure?: { code: string; message: string; hint: string }
}

const dayMs = 24 * 3_600_000
const everyHour = 3_600_000
/** Fifty MiB of log become some five. More than this is no log of ours, and must not fill the memory. */
const bundleLimitBytes = 64 * 2 ** 20

export class LogUpload {
  readonly #options: LogUploadOptions
  readonly #stopping = new AbortController()
  /** Ends the wait before the next look. */
  #look = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #failure: LogUploadView['failure']

  constructor(options: LogUploadOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
  }

  async view(): Promise<LogUploadView> {
    const setting = (await this.#options.setting.get()) ?? { enabled: false }
    return { ...setting, ...(this.#failure && setting.enabled ? { failure: this.#failure } : {}) }
  }

  async enable(enabled: boolean): Promise<LogUploadView> {
    const { setting } = this.#options
    await setting.set({ ...(await setting.get()), enabled })
    if (enabled) this.#look.abort()
    else this.#failure = undefined
    return await this.view()
  }

  /** Sends what has been logged since the last time, if a day has passed. */
  async sendIfDue(): Promise<void> {
    const { setting, bundle, put, now } = this.#options
    const known = await setting.get()
    if (!known?.enabled) return
    const last = known.lastAt === undefined ? undefined : new Date(known.lastAt)
    const at = now()
    // One of the future was written under a wrong clock, and says nothing.
    if (last && last <= at && at.getTime() - last.getTime() < dayMs) return
    const from = last && last <= at ? last : new Date(at.getTime() - dayMs)
    const made = bundle({ from })
    const body = await collect(made, this.#stopping.signal)
    const lastKey = await put(made.fileName, body, this.#stopping.signal)
    if (lastKey === undefined) return
    this.#failure = undefined
    // It may have been switched off meanwhile.
    const { enabled } = (await setting.get()) ?? known
    await setting.set({ enabled, lastAt: at.toISOString(), lastKey })
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      // Before the look: what is switched on meanwhile is looked at next.
      this.#look = new AbortController()
      try {
        await this.sendIfDue()
      } catch (thrown) {
        if (signal.aborted) return
        const { code, message, hint } = toApplianceError(thrown)
        this.#failure =
          code === 'INTERNAL' ? { code, message: 'It failed: see the log.', hint } : { code, message, hint }
        this.#options.onError(thrown)
      }
      const wait = { signal: AbortSignal.any([signal, this.#look.signal]), ref: false }
      await delay(this.#options.lookMs ?? everyHour, undefined, wait).catch(() => undefined) // ends early when stopped or switched on
    }
  }
}

async function collect({ content }: Bundle, signal: AbortSignal): Promise<Buffer> {
  const pieces: Buffer[] = []
  let bytes = 0
  try {
    for await (const piece of content as AsyncIterable<Buffer>) {
      signal.throwIfAborted()
      bytes += piece.length
      if (bytes > bundleLimitBytes) throw new RangeError(`The log bundle has more than ${bundleLimitBytes} bytes`)
      pieces.push(piece)
    }
  } finally {
    content.destroy()
  }
  return Buffer.concat(pieces)
}
