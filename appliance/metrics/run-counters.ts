// Counters that follow the runs: bytes, retries, ends.
import { Counter, type Registry } from 'prom-client'
import { isStage, type Run, runOutcomes } from '../domain.ts'
import { errorCodes } from '../errors.ts'

/** What has been counted of a run under way. */
interface Counted {
  readBytes: number
  sentBytes: number
  retries: Record<string, number>
}

/** Causes are names of errors, which AWS may add to: past this many, the rest share one series. */
const maxCauses = 64

export interface RunCounters {
  observe(run: Run): void
  ended(run: Run): void
}

export function registerRunCounters(registry: Registry): RunCounters {
  const registers = [registry]
  const read = new Counter({
    name: 'hoist_run_bytes_read_total',
    help: 'Bytes of disks that runs have passed in reading, holes included.',
    registers,
  })
  const sent = new Counter({
    name: 'hoist_run_bytes_sent_total',
    help: 'Bytes of uploads that S3 has acknowledged to runs.',
    registers,
  })
  const retries = new Counter({
    name: 'hoist_retries_total',
    help: 'Requests of runs that had to be repeated, by cause.',
    labelNames: ['cause'],
    registers,
  })
  const ends = new Counter({
    name: 'hoist_runs_ended_total',
    help: 'Runs that have ended, by outcome, and by error code where they failed.',
    labelNames: ['outcome', 'code'],
    registers,
  })
  // An outcome that has not occurred is 0, so that the first one is an increase.
  for (const outcome of runOutcomes) if (outcome !== 'failed') ends.inc({ outcome, code: '' }, 0)

  const underWay = new Map<string, Counted>()
  const causes = new Set<string>()

  return {
    observe(run) {
      const before = underWay.get(run.id)
      const counted = countedOf(run)
      if (isStage(run.state)) underWay.set(run.id, counted)
      else underWay.delete(run.id)
      // Of a run that goes on after a restart, the last process has counted what it finds.
      if (!before) return
      read.inc(increase(before.readBytes, counted.readBytes))
      sent.inc(increase(before.sentBytes, counted.sentBytes))
      for (const [cause, count] of Object.entries(counted.retries)) {
        if (causes.size < maxCauses) causes.add(cause)
        retries.inc({ cause: causes.has(cause) ? cause : 'other' }, increase(before.retries[cause] ?? 0, count))
      }
    },

    ended(run) {
      const { code } = run.failure ?? { code: '' }
      const known = run.state === 'failed' ? (Object.hasOwn(errorCodes, code) ? code : 'INTERNAL') : ''
      ends.inc({ outcome: run.state, code: known })
    },
  }
}

/** A disk that is read again from its start counts again, from there. */
function increase(before: number, after: number): number {
  return Math.max(0, after - before)
}

function countedOf(run: Run): Counted {
  let readBytes = 0
  let sentBytes = 0
  for (const disk of run.disks) {
    readBytes += disk.readBytes
    sentBytes += disk.uploadedBytes
  }
  return { readBytes, sentBytes, retries: run.retries }
}
