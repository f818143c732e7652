// `npm run fuzz`: the API asked by its own OpenAPI document, as a stranger, a reader, an operator and an administrator; every answer judged.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Access, accessTable, hasRole } from '../../appliance/api/access.ts'
import { errorCodes } from '../../appliance/errors.ts'
import { ApplianceProcess } from '../demo/appliance-process.ts'
import { awsSettings } from '../demo/drive.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { commandPath, ensureTools, run, tools } from '../lab/tools.ts'
import { readOptions } from '../read-options.ts'

const usage = `npm run fuzz [-- OPTIONS]

Starts the lab and an appliance in a process of its own, and lets schemathesis ask every operation of the OpenAPI document:
boundary cases, random ones that fit it and that do not, and good ones with a spoiled leaf. Four passes: a stranger without
a session, a reader with a read-only API token, an operator with session and CSRF header, and an administrator. Fails on a
server error without a name, a hang, an answer outside of the document, and on whatever answers who may not ask.
As root it runs in a network of its own, out of which no fuzzed host or URL leads.

  --cases N    of the document, in all (default 6000); the stranger's sweep and malformed bytes come on top
  --seed S     what they are drawn from (default: by chance; printed)
  --only PASS  this pass only (may be given several times): stranger, reader, operator, administrator
  --keep       leave the appliance's data and log where they are
  --json       one JSON object as the last line of stdout instead of the table
  --help       this text
`

const passes = ['stranger', 'reader', 'operator', 'administrator'] as const
export type FuzzPass = (typeof passes)[number]

export interface FuzzFailure {
  check: string
  operation: string
  message: string
  /** Repeats it, secrets left out. */
  command: string
  times: number
}

export interface PassResult {
  pass: FuzzPass
  seconds: number
  cases: number
  /** How often, by status; 0: the connection was closed without an answer. */
  statuses: Record<string, number>
  /** Named failures of vCenter, AWS and the disk, by status and code. */
  upstream: Record<string, number>
  operations: number
  /** Operations of which nothing but 429 was seen. */
  onlyThrottled: string[]
  neverSucceeded: string[]
  failures: FuzzFailure[]
  failuresInAll: number
}

export interface FuzzResult {
  ok: boolean
  seed: number
  cases: number
  failures: number
  passes: PassResult[]
  /** What the appliance's log calls internal, and whether its process still ran at the end. */
  internal: string[]
  alive: boolean
  seconds: number
}

export interface FuzzOptions {
  cases: number
  seed: number
  only?: readonly FuzzPass[]
  keep?: boolean
}

/** Of all cases. */
const shares: Readonly<Record<FuzzPass, number>> = { stranger: 0.2, reader: 0.15, operator: 0.25, administrator: 0.4 }
/** Requests of the stranger's sweep, for each case of the document. */
const sweepShare = 0.5

/** Runs the passes one after the other: whoever may change the least comes first. */
export async function fuzz({ cases, seed, only = passes, keep = false }: FuzzOptions): Promise<FuzzResult> {
  const startedAtMs = performance.now()
  await ensureTools(['python', 'images', 'vcenter', 'front', 's3'])
  const directory = await mkdtemp(join(tmpdir(), 'hoist-fuzz-'))
  const logFile = join(directory, 'appliance.log')
  const names = ['web01', 'web02', 'web03', 'web04', 'web05', 'web06']
  const lab = await startLab({
    config: { vms: names.map((name, index) => ({ name, disks: [{ sizeBytes: 1 << 20, seed: index }] })) },
  })
  let appliance: ApplianceProcess | undefined
  try {
    appliance = await ApplianceProcess.start({
      dataDir: join(directory, 'data'),
      logFile,
      // Nobody has to wait for the lab as for AWS; and the checks of health do not run beside what is measured.
      env: { HOIST_POLL_MS: '100', HOIST_SCHEDULE_MS: '500', HOIST_RESUME_MS: '200', HOIST_HEALTH_MS: '0' },
    })
    // Strangers meet an appliance that somebody has claimed.
    const administrator = { name: 'admin', role: 'administrator', password: 'wooden lamp sings loudly' }
    await appliance.call('POST', '/api/accounts', administrator)
    const results: PassResult[] = []
    for (const pass of passes.filter(candidate => only.includes(candidate))) {
      const result = await runPass(pass, cases, seed, appliance, lab, join(directory, 'data', 'web.crt'))
      results.push(result)
      process.stderr.write(
        `${pass}: ${result.cases} cases, ${result.failuresInAll} failures (${result.failures.length} kinds), ${result.seconds} s\n`,
      )
    }
    const alive = appliance.runs
    await appliance.stop()
    const internal = await internalErrors(logFile)
    const failures = results.reduce((sum, result) => sum + result.failuresInAll, 0)
    const throttled = results.some(result => result.onlyThrottled.length > 0)
    return {
      ok: failures === 0 && internal.length === 0 && alive && !throttled,
      seed,
      cases: results.reduce((sum, result) => sum + result.cases, 0),
      failures,
      passes: results,
      internal,
      alive,
      seconds: Math.round((performance.now() - startedAtMs) / 1000),
    }
  } finally {
    await appliance?.stop()
    await lab.stop()
    if (keep) process.stderr.write(`kept: ${directory}\n`)
    else await rm(directory, { recursive: true, force: true })
  }
}

async function runPass(
  pass: FuzzPass,
  cases: number,
  seed: number,
  appliance: ApplianceProcess,
  lab: Lab,
  certificateFile: string,
): Promise<PassResult> {
  const order = {
    pass,
    seed,
    cases: Math.round(cases * shares[pass]),
    sweep: Math.round(cases * sweepShare),
    url: appliance.url,
    certificateFile,
    localToken: appliance.token,
    codes: Object.fromEntries(Object.entries(errorCodes).map(([code, { statusCode }]) => [code, statusCode])),
    may: Object.fromEntries(
      Object.entries(accessTable).map(([line, access]) => [documented(line), may(pass, line, access)]),
    ),
    open: Object.entries(accessTable).flatMap(([line, { role }]) =>
      role === 'nobody' || role === 'anybody' ? [documented(line)] : [],
    ),
    lab: {
      vcenter: {
        host: lab.vcenter.host,
        ...lab.vcenter.connector,
        trust: { kind: 'pinned', certificatePem: lab.vcenter.certificatePem },
      },
      aws: awsSettings(lab),
      webhook: 'https://127.0.0.1:1/',
    },
  }
  const text = await run(tools.python, [join(import.meta.dirname, 'fuzz.py')], {
    input: JSON.stringify(order),
    // The same cases for the same seed; and nothing of the fuzz is written beside its sources.
    env: { ...process.env, PYTHONHASHSEED: '0', PYTHONDONTWRITEBYTECODE: '1', HYPOTHESIS_STORAGE_DIRECTORY: tmpdir() },
  })
  return JSON.parse(text.trimEnd().split('\n').at(-1) ?? '')
}

/** A line of the table of access as the document writes its operation. */
function documented(line: string): string {
  return line.replace(/:(\w+)/g, '{$1}')
}

/** What the table of access says to whoever makes a pass. */
function may(pass: FuzzPass, line: string, { role, setupOnly, localOnly, noTokens }: Access): boolean {
  if (role === 'nobody' || role === 'anybody') return true
  if (pass === 'stranger' || setupOnly) return false
  if (localOnly) return pass === 'administrator'
  // Its token is an administrator's.
  if (pass === 'reader') return line.startsWith('GET ') && !noTokens
  return hasRole(pass, role)
}

/** Lines of the log that no test may cause: errors without a name, and what nobody caught. */
async function internalErrors(logFile: string): Promise<string[]> {
  const lines = (await readFile(logFile, 'utf8')).split('\n')
  const found = lines.filter(line => /"code":"INTERNAL"|unhandled|uncaught|FATAL ERROR|heap out of memory/i.test(line))
  return found.slice(0, 20).map(line => line.slice(0, 600))
}

/** What repeats a fuzz: the cases are drawn from the seed, and how many there are decides over which. */
export function command({ cases, seed, only = passes }: FuzzOptions): string {
  const named = passes.every(pass => only.includes(pass)) ? '' : only.map(pass => ` --only ${pass}`).join('')
  return `npm run fuzz -- --seed ${seed} --cases ${cases}${named}`
}

function table(result: FuzzResult, options: FuzzOptions): string {
  const lines = result.passes.flatMap(pass => [
    `${pass.pass}: ${pass.cases} cases of ${pass.operations} operations, ${pass.failuresInAll} failures, ${pass.seconds} s`,
    `  statuses: ${Object.entries(pass.statuses)
      .map(([status, times]) => `${status} × ${times}`)
      .join(', ')}`,
    `  named failures of what stands behind: ${
      Object.entries(pass.upstream)
        .map(([name, times]) => `${name} × ${times}`)
        .join(', ') || 'none'
    }`,
    ...(pass.onlyThrottled.length > 0 ? [`  only 429: ${pass.onlyThrottled.join(', ')}`] : []),
    ...pass.failures.flatMap(({ check, operation, message, command, times }) => [
      `  FAILED ${times} ×: ${operation}: ${check}`,
      `    ${message.replace(/\n/g, '\n    ')}`,
      `    ${command}`,
    ]),
  ])
  const verdict = result.ok ? 'Nothing failed' : `${result.failures} FAILURES`
  return [
    ...lines,
    ...result.internal.map(line => `INTERNAL: ${line}`),
    ...(result.alive ? [] : ['THE APPLIANCE ENDED']),
    `${verdict}: ${result.cases} cases in ${result.seconds} s; to repeat it: ${command(options)}`,
    '',
  ].join('\n')
}

const inside = 'FUZZ_INSIDE'

/**
 * The same command in a network of its own, where nothing but loopback is: what a fuzzed host names cannot be reached.
 * Undefined where that cannot be had (not root, not Linux): then names are looked up, and fail, in the machine's network.
 */
async function inOwnNetwork(args: string[]): Promise<number | undefined> {
  const [unshare, ip] = [commandPath('unshare'), commandPath('ip')]
  if (process.env[inside] !== undefined || process.getuid?.() !== 0 || !unshare || !ip) return undefined
  const may = await run(unshare, ['--net', 'true']).then(
    () => true,
    () => false,
  )
  if (!may || !existsSync('/proc/self/ns/net')) return undefined
  const script = `"${ip}" link set lo up && exec "$@"`
  const child = spawn(unshare, ['--net', 'sh', '-c', script, 'sh', process.execPath, import.meta.filename, ...args], {
    stdio: 'inherit',
    env: { ...process.env, [inside]: 'yes' },
  })
  const [code] = await once(child, 'close')
  return code ?? 1
}

async function main(): Promise<number> {
  const { values } = readOptions(usage, {
    options: {
      cases: { type: 'string', default: '6000' },
      seed: { type: 'string' },
      only: { type: 'string', multiple: true, default: [...passes] },
      keep: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const cases = Number(values.cases)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1_000_000))
  const only = values.only.flatMap(text => text.split(',')) as FuzzPass[]
  const unknown = only.filter(pass => !passes.includes(pass))
  if (!(Number.isInteger(cases) && cases > 0 && Number.isInteger(seed)) || unknown.length > 0) {
    process.stderr.write(
      `${unknown.length > 0 ? `No such pass: ${unknown}` : 'How many cases, of which seed?'}\n\n${usage}`,
    )
    return 2
  }
  // What has to be fetched is fetched while there is a network.
  await ensureTools(['python', 'images', 'vcenter', 'front', 's3'])
  // As `npm start` does: the page is what strangers are shown.
  await run(process.execPath, [join(import.meta.dirname, '../../webui/build.ts')])
  const args = ['--cases', String(cases), '--seed', String(seed), ...only.flatMap(pass => ['--only', pass])]
  const flags = (['keep', 'json'] as const).flatMap(name => (values[name] ? [`--${name}`] : []))
  const status = await inOwnNetwork([...args, ...flags])
  if (status !== undefined) return status
  process.stderr.write(`seed ${seed}, ${cases} cases\n`)
  const options = { cases, seed, only, keep: values.keep }
  const result = await fuzz(options)
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : table(result, options))
  return result.ok ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
