// Waits until a service that was just started is well, and stays so.
import { setTimeout as delay } from 'node:timers/promises'
import { ApplianceError } from '../errors.ts'

export interface HealthWait {
  /** Asks once; rejects when nobody answers. */
  ask(signal: AbortSignal): Promise<boolean>
  signal: AbortSignal
  /** To become well, milliseconds. */
  withinMs?: number
  /** To stay so, without one other answer, milliseconds. */
  steadyMs?: number
  everyMs?: number
}

/** Two minutes: the start on a slow datastore, with a migration and a check of the database, takes half of one. */
const withinMs = 120_000
/** A release that answers, falls over and is restarted by systemd (after 2 s, then 5, then 10) is silent in between. */
const steadyMs = 30_000
const everyMs = 2_000

/** @throws {ApplianceError} UPGRADE_FAILED; the signal's reason */
export async function awaitHealthy(options: HealthWait): Promise<void> {
  const { ask, signal } = options
  const within = options.withinMs ?? withinMs
  const startedAtMs = performance.now()
  let wellSinceMs: number | undefined
  let last: unknown
  for (;;) {
    signal.throwIfAborted()
    const askedAtMs = performance.now()
    const well = await askWithin(ask, signal, within).catch((thrown: unknown) => {
      signal.throwIfAborted()
      last = thrown
      return false
    })
    wellSinceMs = well ? (wellSinceMs ?? askedAtMs) : undefined
    const nowMs = performance.now()
    if (wellSinceMs !== undefined && nowMs - wellSinceMs >= (options.steadyMs ?? steadyMs)) return
    if (wellSinceMs === undefined && nowMs - startedAtMs >= within) break
    await delay(options.everyMs ?? everyMs, undefined, { signal }).catch(() => undefined) // The loop looks at the signal.
  }
  throw new ApplianceError('UPGRADE_FAILED', `The new release was not well within ${within / 1000} seconds.`, {
    cause: last,
    hint: 'Its log says why: download the log bundle.',
  })
}

async function askWithin(ask: HealthWait['ask'], signal: AbortSignal, ms: number): Promise<boolean> {
  return await ask(AbortSignal.any([signal, AbortSignal.timeout(ms)]))
}
