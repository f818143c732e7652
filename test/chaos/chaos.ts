// `npm run chaos`: replication under faults at random moments, and the proof that nothing was lost, doubled or left behind.
import { appendFile, readFile } from 'node:fs/promises'
import { ensureTools } from '../lab/tools.ts'
import { readOptions } from '../read-options.ts'
import { type FaultKind, faultKinds } from './fault-kinds.ts'
import { planTrial } from './plan.ts'
import { type Summary, sumUp, table } from './summary.ts'
import { runTrial, type TrialResult } from './trial.ts'
import { Witness } from './witness.ts'

const usage = `npm run chaos [-- OPTIONS]

Each trial: a lab of its own with one to three servers, jobs made through the API, and one or two faults at random
moments. Then boto3, govc and sqlite3 say whether every run has ended well, or with a named cause and well when it is
tried again; whether replicas equal their sources; whether anything is left over, lost or doubled.
Time-outs of the appliance are shortened by its configuration, and what lasts minutes in life lasts seconds here.

  --trials N       how many (default 5)
  --seed S         what they are drawn from (default: by chance; printed)
  --first N        number of the first trial (default 0): --seed S --first N --trials 1 repeats one
  --only KIND      draw the first fault from these kinds only (may be given several times)
  --continue FILE  a batch: adds a line per trial to this JSONL file, goes on after its last one, sums up all of it
  --story          tell what happened in each trial
  --json           one JSON object as the last line of stdout instead of the table
  --help           this text

Kinds: ${faultKinds.join(', ')}
`

export interface ChaosOptions {
  trials: number
  seed: number
  first?: number
  only?: FaultKind[]
  onTrial?: (result: TrialResult) => Promise<void> | void
}

/** Runs trials one after the other. */
export async function chaos({ trials, seed, first = 0, only = [], onTrial }: ChaosOptions): Promise<TrialResult[]> {
  await ensureTools(['images', 'vcenter', 'python', 'front', 's3', 'govc', 'guests'])
  const witness = new Witness()
  try {
    const results: TrialResult[] = []
    for (let trial = first; trial < first + trials; trial++) {
      const result = await runTrial(planTrial(seed, trial, only), witness)
      results.push(result)
      await onTrial?.(result)
    }
    return results
  } finally {
    await witness.close()
  }
}

/** What repeats one trial. */
export function command({ seed, trial }: { seed: number; trial: number }, only: readonly FaultKind[] = []): string {
  const kinds = only.map(kind => ` --only ${kind}`).join('')
  return `npm run chaos -- --seed ${seed} --first ${trial} --trials 1${kinds}`
}

function tellTrial(result: TrialResult, only: readonly FaultKind[]): void {
  const faults = result.faults.map(({ kind, when }) => `${kind} (${when})`).join(', ')
  process.stderr.write(`trial ${result.trial}: ${result.ok ? 'ok' : 'FAILED'}, ${result.seconds} s: ${faults}\n`)
  if (result.ok) return
  for (const key of ['bytesWrong', 'orphans', 'jobsLost', 'runsDoubled', 'problems'] as const)
    for (const text of result[key]) process.stderr.write(`  ${key}: ${text}\n`)
  process.stderr.write(`  seed ${result.seed}; to repeat it: ${command(result, only)}\n  kept: ${result.kept}\n`)
}

/** The batch so far; a line that was cut off by an interruption is not counted. */
async function readBatch(file: string): Promise<TrialResult[]> {
  const text = await readFile(file, 'utf8').catch(error => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

async function main(): Promise<number> {
  const { values } = readOptions(usage, {
    options: {
      trials: { type: 'string', default: '5' },
      seed: { type: 'string' },
      first: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
      continue: { type: 'string' },
      story: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const only = values.only.flatMap(text => text.split(',')) as FaultKind[]
  const unknown = only.filter(kind => !faultKinds.includes(kind))
  const trials = Number(values.trials)
  if (unknown.length > 0 || !(Number.isInteger(trials) && trials > 0)) {
    process.stderr.write(`${unknown.length > 0 ? `No such fault: ${unknown}` : 'How many trials?'}\n\n${usage}`)
    return 2
  }
  const { continue: file } = values
  const before = file === undefined ? [] : await readBatch(file)
  const seed = Number(values.seed ?? before[0]?.seed ?? Math.floor(Math.random() * 1_000_000))
  if (before.some(result => result.seed !== seed)) {
    process.stderr.write(`${file} is a batch of another seed\n`)
    return 2
  }
  const first = Number(values.first ?? Math.max(-1, ...before.map(({ trial }) => trial)) + 1)
  process.stderr.write(`seed ${seed}, trials ${first} to ${first + trials - 1}\n`)
  const results = await chaos({
    trials,
    seed,
    first,
    only,
    onTrial: async result => {
      tellTrial(result, only)
      if (values.story) for (const line of result.story) process.stderr.write(`  ${line}\n`)
      if (file !== undefined) await appendFile(file, `${JSON.stringify({ ...result, story: undefined })}\n`)
    },
  })
  const summary: Summary = sumUp(seed, [...before, ...results])
  process.stdout.write(values.json ? `${JSON.stringify(summary)}\n` : table(summary))
  return summary.ok ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
