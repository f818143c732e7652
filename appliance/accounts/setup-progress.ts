// The wizard's steps: which are done. What a step has set lies elsewhere; this is only where to go on.
import { ApplianceError } from '../errors.ts'
import type { SetupProgressRepository } from '../store/setup-progress.ts'

export const setupSteps = ['licence', 'password', 'network', 'uploads', 'aws', 'vcenter', 'checks', 'register'] as const
export type SetupStep = (typeof setupSteps)[number]

export interface SetupView {
  steps: { id: SetupStep; state: 'notStarted' | 'done'; at?: string }[]
  complete: boolean
}

export interface SetupProgressOptions {
  progress: SetupProgressRepository
  hasAdministrator: () => Promise<boolean>
  nowMs: () => number
}

/** The verbs on the setup's progress. */
export class SetupProgress {
  readonly #progress: SetupProgressRepository
  readonly #hasAdministrator: () => Promise<boolean>
  readonly #nowMs: () => number

  constructor({ progress, hasAdministrator, nowMs }: SetupProgressOptions) {
    this.#progress = progress
    this.#hasAdministrator = hasAdministrator
    this.#nowMs = nowMs
  }

  async view(): Promise<SetupView> {
    const done = await this.#progress.done()
    const claimed = await this.#hasAdministrator()
    const steps = setupSteps.map((id): SetupView['steps'][number] => {
      const at = done.get(id)
      const isDone = id === 'password' ? claimed : at !== undefined
      return { id, state: isDone ? 'done' : 'notStarted', ...(isDone && at ? { at: at.toISOString() } : {}) }
    })
    return { steps, complete: steps.every(step => step.state === 'done') }
  }

  /** @throws {ApplianceError} INVALID_REQUEST for the password, which is done when there is an administrator */
  async set(id: SetupStep, done: boolean): Promise<SetupView> {
    if (id === 'password')
      throw new ApplianceError('INVALID_REQUEST', 'The step "password" is done by making the administrator.', {
        hint: 'POST /api/setup/administrator.',
      })
    if (done) await this.#progress.setDone(id, new Date(this.#nowMs()))
    else await this.#progress.setNotDone(id)
    return await this.view()
  }

  /** Notes when the first administrator was made. */
  async claimed(): Promise<void> {
    await this.#progress.setDone('password', new Date(this.#nowMs()))
  }
}
