// Asks the helper: for the service, and for the console.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { ApplianceError, type ErrorCode, errorCodes } from '../errors.ts'
import { upgradeMs } from './dispatch.ts'
import { isMachineState, type MachineState } from './machine-state.ts'
import type { Verb } from './verbs.ts'

/** An answer is a sentence or two. Bytes. */
const maxAnswerBytes = 64 * 1024
/** After an upgrade, and after a fault, the helper starts anew: what is asked for meanwhile waits so long for it, milliseconds. */
const startMs = 45_000
const askAgainMs = 500

export interface MachineClient {
  /**
   * Has a verb done; of an upgrade, what is verified and unpacked is done, and the rest follows. Waits for a helper that starts.
   * @throws {ApplianceError} MACHINE_UNAVAILABLE when no helper answers; the helper's own; the signal's reason
   */
  ask(verb: Verb, signal?: AbortSignal): Promise<{ version?: string }>
  /** What is set; during an upgrade too. @throws {ApplianceError} as `ask` */
  state(signal?: AbortSignal): Promise<MachineState>
}

export function machineClient(path: string, { patienceMs = startMs } = {}): MachineClient {
  return {
    async ask(verb, signal) {
      const { version } = await answerTo(path, verb, signal, patienceMs)
      return typeof version === 'string' ? { version } : {}
    },
    async state(signal) {
      const { state } = await answerTo(path, { verb: 'state' }, signal)
      if (!isMachineState(state)) throw unavailable('it answered with something else')
      return state
    },
  }
}

async function answerTo(
  path: string,
  verb: Verb,
  signal: AbortSignal | undefined,
  patienceMs = 0,
): Promise<Record<string, unknown>> {
  const answer = await exchange(path, `${JSON.stringify(verb)}\n`, signal, patienceMs)
  const { ok, code, message, hint } = Object(answer)
  if (ok === true) return Object(answer)
  if (!isCode(code)) throw unavailable('it answered with something else')
  throw new ApplianceError(code, String(message), { hint: String(hint) })
}

async function exchange(
  path: string,
  line: string,
  given: AbortSignal | undefined,
  patienceMs: number,
): Promise<unknown> {
  // Longer than any verb may take, with those that wait before it.
  const signal = AbortSignal.any([AbortSignal.timeout(2 * upgradeMs), ...(given ? [given] : [])])
  let socket: Socket | undefined
  try {
    socket = await connected(path, signal, patienceMs)
    socket.write(line)
    let text = ''
    for await (const chunk of socket.setEncoding('utf8')) {
      text += chunk
      if (text.length > maxAnswerBytes) throw unavailable('its answer is too long')
    }
    return JSON.parse(text)
  } catch (cause) {
    given?.throwIfAborted()
    throw cause instanceof ApplianceError ? cause : unavailable('it does not answer', cause)
  } finally {
    socket?.destroy()
  }
}

async function connected(path: string, signal: AbortSignal, patienceMs: number): Promise<Socket> {
  const startedAtMs = performance.now()
  for (;;) {
    const socket = connect({ path, signal })
    try {
      await once(socket, 'connect')
      return socket
    } catch (cause) {
      // Nothing was said yet: it may be said again.
      const starting = ['ENOENT', 'ECONNREFUSED'].includes(Object(cause).code)
      if (!starting || performance.now() - startedAtMs > patienceMs) throw cause
      await delay(askAgainMs, undefined, { signal })
    }
  }
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(errorCodes, code)
}

function unavailable(why: string, cause?: unknown): ApplianceError {
  return new ApplianceError('MACHINE_UNAVAILABLE', `The helper that may change the machine is not there: ${why}.`, {
    cause,
    hint: 'On the appliance it starts again by itself: try once more in a minute, or restart the machine. Elsewhere there is no such helper, and the machine is changed by hand.',
  })
}
