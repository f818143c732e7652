// From a line to its answer: who asks for what is documented gets it done, one after the other, and within its time.
import { ApplianceError, toApplianceError } from '../errors.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import type { MachineState } from './machine-state.ts'
import type { Performed } from './perform.ts'
import { parseVerb, type Verb } from './verbs.ts'

export type Answer =
  | { ok: true; version?: string; state?: MachineState }
  | { code: string; message: string; hint: string }

export interface Answered {
  answer: Answer
  afterwards?: () => Promise<void>
}

/** The longest is to start SSH on a machine that has just begun to make its keys; a bundle is 100 MB to be read twice. */
export const performMs = 60_000
export const upgradeMs = 600_000

/** Never rejects. While what an upgrade does afterwards goes on, everything that would change the machine is refused. */
export function dispatcher(
  perform: (verb: Verb, signal: AbortSignal) => Promise<Performed>,
  onFailure: (thrown: unknown) => void,
): (line: Uint8Array) => Promise<Answered> {
  const inTurn = oneAtATime()
  let upgrading = false

  async function work(verb: Verb): Promise<Answered> {
    if (upgrading && verb.verb !== 'state')
      throw new ApplianceError('UPGRADE_IN_PROGRESS', 'An upgrade is under way.', {
        hint: 'Wait until it has ended: it takes a few minutes.',
      })
    const signal = AbortSignal.timeout(verb.verb === 'upgrade' ? upgradeMs : performMs)
    const { result, afterwards } = await perform(verb, signal).catch((thrown: unknown) => {
      throw signal.aborted ? tooLate(verb, thrown) : thrown
    })
    const answer: Answer = { ok: true, ...result }
    if (!afterwards) return { answer }
    upgrading = true
    const ended = () => {
      upgrading = false
    }
    return { answer, afterwards: () => afterwards().finally(ended) }
  }

  return async line => {
    try {
      const verb = parseVerb(line)
      // What only reads waits for nobody: a page asks for it while a bundle is being unpacked.
      return await (verb.verb === 'state' ? work(verb) : inTurn(() => work(verb)))
    } catch (thrown) {
      const error = toApplianceError(thrown)
      if (error.statusCode >= 500) onFailure(thrown)
      return { answer: answerFor(error) }
    }
  }
}

/** What has no name may say anything of the inside. */
function answerFor({ code, message, hint }: ApplianceError): Answer {
  if (code !== 'INTERNAL') return { code, message, hint }
  return { code, message: 'The machine could not be changed.', hint: 'The journal says why: look at the console.' }
}

function tooLate({ verb }: Verb, cause: unknown): ApplianceError {
  return new ApplianceError('MACHINE_FAILED', `"${verb}" took too long, and was given up.`, {
    cause,
    hint: 'Look at the load of the machine, then try again.',
  })
}
