// Answers that last, such as the stream of events: they end with the session or token that opened them.
import type { Writable } from 'node:stream'

export interface LiveConnections {
  /** Destroys the stream once `isLive` says no. */
  watch(stream: Writable, isLive: () => Promise<boolean>): void
  /** Looks at all of them now. */
  sweep(): Promise<void>
  close(): void
}

/** Between two looks, milliseconds: how long a stream may outlive its session. */
const everyMs = 5_000

/** Streams that are looked at now and then. */
export function createLiveConnections(onError: (error: unknown) => void): LiveConnections {
  const watched = new Map<Writable, () => Promise<boolean>>()
  const sweep = async () => {
    for (const [stream, isLive] of watched) {
      // Who cannot be asked for is not let in, and not kept in either.
      const live = await isLive().catch((error: unknown) => {
        onError(error)
        return false
      })
      if (!live) stream.destroy()
    }
  }
  const timer = setInterval(() => void sweep(), everyMs)
  timer.unref()
  return {
    watch(stream, isLive) {
      watched.set(stream, isLive)
      stream.once('close', () => watched.delete(stream))
    },
    sweep,
    close: () => clearInterval(timer),
  }
}
