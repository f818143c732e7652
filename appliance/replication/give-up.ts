// A run that cannot go on now: it is left as it stands, tried again later, or given up and taken back.
import type { Logger } from 'pino'
import type { RunContext } from './context.ts'
import { discardLeftovers } from './discard.ts'
import { countHeldUp, failureOf, goesOn, mayPass, mustLeave, outcomeOf, resumePause } from './failure.ts'
import type { RunJournal } from './journal.ts'

export interface StoppedShort {
  journal: RunJournal
  log: Logger
  /** First pause before a run that was held up goes on, milliseconds. */
  resumeMs: number
  /** Aborted when the appliance stops, or may not act any more. */
  stopping: AbortSignal
}

/** Decides what becomes of a run after an error, and writes it down. True when it is given up: then it is to be taken back. */
export async function stopShort(
  thrown: unknown,
  { journal, log, resumeMs, stopping }: StoppedShort,
  signal: AbortSignal,
): Promise<boolean> {
  if (mustLeave(signal, stopping)) {
    log.info('run left as it stands')
    return false
  }
  const failure = failureOf(thrown, journal.run, signal)
  const heldUp = countHeldUp(journal.run)
  if (!signal.aborted && goesOn(failure, journal.run, heldUp.times)) {
    const pauseMs = resumePause(heldUp.times, resumeMs)
    const setback = { failure, resumeAt: new Date(Date.now() + pauseMs).toISOString() }
    log.warn({ err: thrown, code: failure.code, pauseMs }, 'run held up')
    // If not even this can be stored (the disk is full), the run is held up all the same: the journal has it in memory.
    await journal.record({ setback, heldUp }).catch(err => log.error({ err }, 'setback not stored'))
    return false
  }
  log.error({ err: thrown, code: failure.code }, 'run given up')
  await journal.record({ failure }).catch(err => log.error({ err }, 'failure not stored'))
  return true
}

/** Takes away what a given-up run has made, and ends it. What cannot be removed now keeps it in its stage, to be called again. */
export async function giveUp(context: RunContext): Promise<void> {
  const { journal, log, stopping } = context
  const { failure } = journal.run
  if (!failure) return
  const left = await discardLeftovers(context)
  if (stopping.aborted) return
  if (left.some(mayPass)) {
    log.warn({ left }, 'run not cleaned up yet')
    return
  }
  await journal.end(outcomeOf(failure), { warnings: [...journal.run.warnings, ...left] })
}
