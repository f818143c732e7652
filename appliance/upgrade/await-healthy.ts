// Waits until a service that was just started is well, and stays so.
import { setTimeout as delay } from 'node:timers/promises'
import { ApplianceError } from '../errors.ts'

export interface HealthWait {
  /** Asks once; rejects when nobody answers. */
  ask(signal: AbortSignal): Promise<boolean>
  signal: AbortSignal
  /** Milliseconds. */
  withinMs?: number
  everyMs?: number
}

/** Two minutes: the start on a slow datastore, with a migration and a check of the database, takes half of one. */
const withinMs = 120_000
const everyMs = 2_000
/** A release that answers, falls over and is restarted by systemd answers once in between. */
const inARow = 3

/** @throws {ApplianceError} UPGRADE_FAILED; the signal's reason */
export async function awaitHealthy(options: HealthWait): Promise<void> {
  const within = options.withinMs ?? withinMs
  const late = AbortSignal.timeout(within)
  const signal = AbortSignal.any([options.signal, late])
  let last: unknown
  for (let well = 0; !signal.aborted; ) {
    try {
      well = (await options.ask(signal)) ? well + 1 : 0
      if (well >= inARow) return
    } catch (thrown) {
      well = 0
      last = thrown
    }
    await delay(options.everyMs ?? everyMs, undefined, { signal }).catch(() => undefined) // The loop looks at the signal.
  }
  options.signal.throwIfAborted()
  throw new ApplianceError('UPGRADE_FAILED', `The new release was not well within ${within / 1000} seconds.`, {
    cause: last,
    hint: 'Its log says why: download the log bundle.',
  })
}
