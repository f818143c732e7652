// `npm run bench -- SCENARIO`: runs one benchmark, tells how it went, and exits with 0 only if its targets held.
import { readOptions } from '../read-options.ts'
import type { BenchOptions, BenchResult } from './measure.ts'

interface Scenario {
  summary: string
  /** File beside this one and its exported function; loaded only when asked for, as each brings its own part of the lab. */
  file: string
  exportName: string
  /** Options of its own, as they are passed to it; all are whole numbers. */
  own: Record<string, string>
}

const scenarios: Record<string, Scenario> = {
  vmdk: {
    summary: 'our streamOptimized writer against qemu-img convert',
    file: './vmdk.ts',
    exportName: 'benchVmdk',
    own: { 'size-bytes': 'sizeBytes' },
  },
  full: {
    summary: 'a full run to the completed S3 object, against govc export.ovf and aws s3 cp',
    file: './full.ts',
    exportName: 'benchFull',
    own: { 'size-bytes': 'sizeBytes' },
  },
  catalog: {
    summary: 'catalog import against pyvmomi',
    file: './catalog.ts',
    exportName: 'benchCatalog',
    own: { vms: 'vms' },
  },
  webui: {
    summary: 'the Servers page with 10,000 servers in a browser',
    file: './webui.ts',
    exportName: 'benchWebui',
    own: { servers: 'servers' },
  },
}

const DEFAULT_RUNS = 3
const DEFAULT_SEED = 20_260_101

function usage(): string {
  const lines = Object.entries(scenarios).map(([name, { summary, own }]) => {
    const options = Object.keys(own).map(option => `--${option} N`)
    return `  ${[name, ...options].join(' ').padEnd(24)} ${summary}`
  })
  return `usage: npm run bench -- SCENARIO [--runs N] [--seed N] [--json]

${lines.join('\n')}

  --runs N   how often each side runs, alternating (${DEFAULT_RUNS})
  --seed N   what the data is made from (${DEFAULT_SEED})
  --json     one JSON object as the last line of stdout, instead of a table
`
}

function wholeNumber(name: string, value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`--${name} ${value} is no whole number above 0`)
  return number
}

async function runScenario(
  name: string,
  scenario: Scenario,
  values: Record<string, string | boolean | undefined>,
): Promise<BenchResult> {
  const number = (option: string, fallback: number) => {
    const value = values[option]
    return typeof value === 'string' ? wholeNumber(option, value) : fallback
  }
  const stop = new AbortController()
  for (const event of ['SIGINT', 'SIGTERM'] as const)
    process.once(event, () => stop.abort(new Error(`stopped by ${event}`)))
  const options: BenchOptions & Record<string, unknown> = {
    json: values.json === true,
    runs: number('runs', DEFAULT_RUNS),
    seed: number('seed', DEFAULT_SEED),
    signal: stop.signal,
  }
  for (const [option, key] of Object.entries(scenario.own)) {
    const value = values[option]
    if (typeof value === 'string') options[key] = wholeNumber(option, value)
  }
  const module: Record<string, (options: BenchOptions) => Promise<BenchResult>> = await import(scenario.file)
  const bench = module[scenario.exportName]
  if (!bench) throw new Error(`${scenario.file} has no ${scenario.exportName}`)
  try {
    return await bench(options)
  } catch (error) {
    process.stderr.write(`bench ${name} failed; to repeat: npm run bench -- ${name} --seed ${options.seed}\n`)
    throw error
  }
}

async function main(): Promise<number> {
  const own = Object.values(scenarios).flatMap(scenario => Object.keys(scenario.own))
  const { values, positionals } = readOptions(usage(), {
    allowPositionals: true,
    options: {
      help: { type: 'boolean' },
      json: { type: 'boolean' },
      ...Object.fromEntries(['runs', 'seed', ...own].map(option => [option, { type: 'string' as const }])),
    },
  })
  const [name = ''] = positionals
  const scenario = scenarios[name]
  if (values.help || !scenario) {
    process.stdout.write(usage())
    return values.help ? 0 : 2
  }
  const result = await runScenario(name, scenario, values)
  if (values.json) process.stdout.write(`${JSON.stringify(result)}\n`)
  else {
    const { runs: _runs, ...figures } = result
    process.stdout.write(
      `${JSON.stringify(figures, null, 2)}\n${result.ok ? 'All targets held.' : 'A target was missed.'}\n`,
    )
  }
  return result.ok ? 0 : 1
}

process.exitCode = await main()
