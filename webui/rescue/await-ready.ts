// Waiting for the appliance to come back.
import { pause } from '../pause.ts'

export interface AwaitOptions {
  signal: AbortSignal
  everyMs?: number
  fetch?: typeof fetch
}

/** Resolves with true as soon as the appliance is at work again; with false when the signal comes first. */
export async function awaitReady({ signal, everyMs = 1000, fetch: get = fetch }: AwaitOptions): Promise<boolean> {
  while (!signal.aborted) {
    // While it starts, nobody answers.
    const answer = await get('/api/health/ready', { cache: 'no-store', signal }).catch(() => undefined)
    if (answer?.ok) return true
    await pause(everyMs, signal)
  }
  return false
}
