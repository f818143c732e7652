// The sum of many trials, as a table and as the JSON object of DESIGN's commands that prove.
import { type FaultKind, faultKinds } from './fault-kinds.ts'
import type { TrialResult } from './trial.ts'

export interface Summary {
  ok: boolean
  trials: number
  bytesWrong: number
  orphans: number
  jobsLost: number
  runsDoubled: number
  /** Anything else: runs that do not end, fail without a name or again at the retry, a damaged database... */
  problems: number
  faults: Partial<Record<FaultKind, { tried: number; survived: number }>>
  /** How the runs ended, retries included. */
  runs: Record<string, number>
  seed: number
  failedTrials: number[]
  seconds: number
}

export function sumUp(seed: number, results: TrialResult[]): Summary {
  const count = (key: 'bytesWrong' | 'orphans' | 'jobsLost' | 'runsDoubled' | 'problems') =>
    results.reduce((sum, result) => sum + result[key].length, 0)
  const faults: Summary['faults'] = {}
  const runs: Record<string, number> = {}
  for (const result of results) {
    for (const { kind, tried } of result.faults) {
      const sum = faults[kind] ?? { tried: 0, survived: 0 }
      faults[kind] = { tried: sum.tried + Number(tried), survived: sum.survived + Number(tried && result.ok) }
    }
    for (const [how, number] of Object.entries(result.runs)) runs[how] = (runs[how] ?? 0) + number
  }
  return {
    ok: results.length > 0 && results.every(result => result.ok),
    trials: results.length,
    bytesWrong: count('bytesWrong'),
    orphans: count('orphans'),
    jobsLost: count('jobsLost'),
    runsDoubled: count('runsDoubled'),
    problems: count('problems'),
    faults,
    runs,
    seed,
    failedTrials: results.filter(({ ok }) => !ok).map(({ trial }) => trial),
    seconds: Math.round(results.reduce((sum, { seconds }) => sum + seconds, 0)),
  }
}

export function table(summary: Summary): string {
  const rows = faultKinds.map(kind => {
    const { tried, survived } = summary.faults[kind] ?? { tried: 0, survived: 0 }
    return `${kind.padEnd(20)} ${String(tried).padStart(6)} ${String(survived).padStart(9)}`
  })
  const ends = Object.entries(summary.runs).map(([how, number]) => `${number} ${how}`)
  return [
    `${'fault'.padEnd(20)} ${'tried'.padStart(6)} ${'survived'.padStart(9)}`,
    ...rows,
    '',
    `${summary.trials} trials in ${summary.seconds} s: ${summary.bytesWrong} disks wrong, ${summary.orphans} orphans, ` +
      `${summary.jobsLost} jobs lost, ${summary.runsDoubled} runs doubled, ${summary.problems} other problems`,
    `Runs: ${ends.join(', ')}`,
    '',
  ].join('\n')
}
