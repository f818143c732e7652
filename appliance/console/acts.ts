// Whatever is done from the console is told: to the audit log of the service, once it answers, and to the journal.
import type { ConsoleReport } from '../api/schemas/console.ts'
import { toApplianceError } from '../errors.ts'
import type { ConsoleParts } from './parts.ts'

const reportMs = 5_000
/** While the service is silent; the journal has them all. */
const maxWaiting = 50

export class Acts {
  readonly #parts: Pick<ConsoleParts, 'api' | 'say'>
  #waiting: ConsoleReport[] = []

  constructor(parts: Pick<ConsoleParts, 'api' | 'say'>) {
    this.#parts = parts
  }

  /** Does it, and tells how it ended. Rejects as the work does. */
  async told<T>(act: ConsoleReport['act'], values: Record<string, string>, work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      await this.tell({ act, outcome: 'done', values })
      return result
    } catch (thrown) {
      await this.tell({ act, outcome: 'failed', error: toApplianceError(thrown).code, values })
      throw thrown
    }
  }

  async tell(report: ConsoleReport): Promise<void> {
    this.#parts.say(`console: ${report.act} ${report.outcome}${report.error === undefined ? '' : ` ${report.error}`}`)
    this.#waiting = [...this.#waiting, report].slice(-maxWaiting)
    await this.deliver()
  }

  /** What waits goes to the service, if it answers; also called now and then. */
  async deliver(): Promise<void> {
    for (let next = this.#waiting[0]; next; next = this.#waiting[0]) {
      try {
        const signal = AbortSignal.timeout(reportMs)
        const { status } = await this.#parts.api('POST', '/api/local/console', { body: next, signal })
        if (status >= 500) return
      } catch {
        return // It is told when the service answers again.
      }
      this.#waiting.shift()
    }
  }
}
