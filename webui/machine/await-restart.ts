// Waiting for the appliance to be another process than before.
import { pause } from '../pause.ts'

export interface AwaitRestartOptions {
  /** When the process that is to end began; undefined when nobody knows. */
  before: string | undefined
  /** When the process that answers began. Rejects while nobody answers. */
  startedAt: (signal: AbortSignal) => Promise<string>
  signal: AbortSignal
  everyMs?: number
}

/** Resolves with true as soon as another process answers; with false when the signal comes first. */
export async function awaitRestart({
  before,
  startedAt,
  signal,
  everyMs = 1000,
}: AwaitRestartOptions): Promise<boolean> {
  let away = false
  while (!signal.aborted) {
    const now = await startedAt(signal).catch(() => {
      away = true
      return undefined
    })
    if (now !== undefined && (before === undefined ? away : now !== before)) return true
    await pause(everyMs, signal)
  }
  return false
}
