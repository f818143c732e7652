// Waiting for vCenter's tasks.

import { setTimeout as sleep } from 'node:timers/promises'
import { ApplianceError } from '../errors.ts'
import { isFault, localizedFault } from './faults.ts'
import { readObject, textOf, type VimObject } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { type Reference, reference } from './vim.ts'
import { child, type XmlElement } from './xml.ts'

export interface TaskWait {
  /** Begins the message of a failure: "Creating a snapshot of web01". */
  doing: string
  signal: AbortSignal
}

/**
 * Pauses between looks at a task. Polling, not WaitForUpdatesEx: a look costs vCenter one property of one object, needs
 * no filter that would have to be made anew after a lost session, and the longest pause adds at most a second to tasks
 * that last many.
 */
const firstPauseMs = 50
const longestPauseMs = 1000
/** The task goes on in vCenter while we cannot see it: a network that is back within two minutes has cost nothing. */
const longestOutageMs = 120_000

/** Pauses that grow by half each time, to a second: 50, 75, 112 ms... */
export function* pauses({ firstMs = firstPauseMs, longestMs = longestPauseMs } = {}): Generator<number> {
  for (let pauseMs = firstMs; ; pauseMs = Math.min(longestMs, pauseMs * 1.5)) yield pauseMs
}

/** Waits, or throws the signal's own reason. */
export async function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(pauseMs, undefined, { signal })
  } catch (error) {
    // Node wraps the reason in an AbortError, under which a cancelled run would no longer be known as one.
    throw signal.aborted ? signal.reason : error
  }
}

/** The reference that a `..._Task` method or an export answered with. */
export function returnedReference(answer: XmlElement, type: string): Reference {
  return reference(type, child(answer, 'returnval')?.text ?? '')
}

/** vCenter's services restarted: what became of the task is to be looked for, and not to be taken for its object's end. */
function taskForgotten(doing: string, cause: unknown): ApplianceError {
  return new ApplianceError('VCENTER_SESSION_LOST', `${doing}: vCenter no longer knows the task`, {
    cause,
    hint: 'vCenter was probably restarted: whether the task was done is looked up.',
  })
}

/**
 * Waits until a task has ended; its result, if it has one.
 * Errors: the task's own fault by name (faults.ts), those of reading, the signal's reason.
 */
export async function waitForTask(
  session: VcenterSession,
  task: Reference,
  { doing, signal }: TaskWait,
): Promise<XmlElement | undefined> {
  let unreachableSince: number | undefined
  for (const pauseMs of pauses()) {
    let seen: VimObject
    try {
      seen = await readObject(session, task, ['info.state', 'info.error', 'info.result'], { signal })
      unreachableSince = undefined
    } catch (error) {
      if (isFault(error, 'ManagedObjectNotFound')) throw taskForgotten(doing, error)
      unreachableSince ??= performance.now()
      const outageMs = performance.now() - unreachableSince
      if (!isUnreachable(error) || outageMs > longestOutageMs) throw error
      session.soap.retries += 1
      await pause(longestPauseMs, signal)
      continue
    }
    const state = textOf(seen, 'info.state')
    if (state === 'success') return seen.properties.get('info.result')
    if (state === 'error') {
      const error = seen.properties.get('info.error')
      throw localizedFault(doing, error ?? emptyFault)
    }
    await pause(pauseMs, signal)
  }
  return undefined
}

function isUnreachable(error: unknown): boolean {
  return error instanceof ApplianceError && error.code === 'VCENTER_UNREACHABLE'
}

const emptyFault: XmlElement = { name: 'error', namespace: '', xsiType: '', type: '', text: '', children: [] }
