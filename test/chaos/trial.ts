// One trial from an empty lab to its verdict.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { LabVm } from '../lab/lab.ts'
import { cacheDirectory } from '../lab/tools.ts'
import {
  awsOrphans,
  databaseProblems,
  doubledRuns,
  type Findings,
  imageProblems,
  noFindings,
  wrongBytes,
} from './checks.ts'
import { type FaultKind, processFaults } from './fault-kinds.ts'
import { strikes } from './faults.ts'
import { becomes, type Ground } from './ground.ts'
import { reach } from './moment.ts'
import type { TrialPlan } from './plan.ts'
import { Random } from './random.ts'
import { drainLimitMs, Site } from './site.ts'
import { smallRootDisk } from './small-server.ts'
import { Watcher } from './watcher.ts'
import { type Inventory, vmLeftovers, type Witness } from './witness.ts'

/** Runs that go on for longer after the last fault is over do not end by themselves. */
const endLimitMs = 90_000
/** The reaper comes every 1.5 s, and import tasks that were given up take a while to be gone. */
const tidyLimitMs = 12_000

export interface TrialResult extends Findings {
  seed: number
  trial: number
  ok: boolean
  faults: { kind: FaultKind; tried: boolean; when: string }[]
  /** How the runs ended, retries included. */
  runs: Record<string, number>
  /** Why runs failed that were then tried again. */
  failures: string[]
  seconds: number
  /** What happened, in order. */
  story: string[]
  /** Where logs and data directory are, when it is not ok. */
  kept?: string
}

/** Does what the plan says, and never throws: what went wrong is in the result. */
export async function runTrial(plan: TrialPlan, witness: Witness): Promise<TrialResult> {
  const startedAtMs = performance.now()
  const directory = await mkdtemp(join(tmpdir(), 'hoist-chaos-'))
  const result: TrialResult = {
    ...noFindings(),
    seed: plan.seed,
    trial: plan.trial,
    ok: false,
    faults: plan.faults.map(({ kind }) => ({ kind, tried: false, when: '' })),
    runs: {},
    failures: [],
    seconds: 0,
    story: [],
  }
  let site: Site | undefined
  try {
    site = await openSite(plan, directory)
    await story(plan, site, witness, result)
  } catch (error) {
    result.problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  result.ok = [result.bytesWrong, result.orphans, result.jobsLost, result.runsDoubled, result.problems].every(
    list => list.length === 0,
  )
  if (!result.ok) result.kept = await keep(plan, result, site, directory)
  result.story = site?.story ?? []
  await site?.close()
  await rm(directory, { recursive: true, force: true })
  result.seconds = Math.round((performance.now() - startedAtMs) / 100) / 10
  return result
}

async function openSite(plan: TrialPlan, directory: string): Promise<Site> {
  const kinds = plan.faults.map(({ kind }) => kind)
  const vms: LabVm[] = []
  for (const { vm } of plan.servers) {
    const disks: NonNullable<LabVm['disks']> = []
    for (const disk of vm.disks ?? []) {
      if (!('file' in disk)) {
        disks.push(disk)
        continue
      }
      const file = join(directory, `${vm.name}.raw`)
      await smallRootDisk(file)
      disks.push({ ...disk, file })
    }
    vms.push({ ...vm, disks })
  }
  return await Site.open({
    directory,
    vms,
    importStepMs: plan.importStepMs,
    nfcBytesPerSecond: plan.nfcBytesPerSecond,
    smallDisk: kinds.includes('dataDiskFull'),
    movableClock: kinds.includes('clockJump'),
  })
}

async function story(plan: TrialPlan, site: Site, witness: Witness, result: TrialResult): Promise<void> {
  await site.setUp()
  const jobIds = await makeJobs(plan, site)
  const watcher = new Watcher(site)
  const closers: (() => Promise<void>)[] = []
  const mustStay: Inventory['images'] = []
  let offered: string[] = []
  try {
    await allOver(
      plan.faults.map(async ({ kind, moment }, index) => {
        const random = new Random(plan.seed, plan.trial, index, kind)
        const reached = await reach(site, watcher, moment, random)
        const fault = result.faults[index]
        if (fault) {
          fault.tried = true
          fault.when = reached.how
        }
        site.tell(`${kind}: ${reached.how}`)
        const ground: Ground = {
          site,
          watcher,
          witness,
          random,
          release: reached.release,
          problem: text => result.problems.push(`${kind}: ${text}`),
          atEnd: close => closers.push(close),
          mustStay,
        }
        try {
          await (processFaults.includes(kind) ? site.inTurn(() => strikes[kind](ground)) : strikes[kind](ground))
        } finally {
          await reached.release()
        }
      }),
    )
    site.tell('all faults are over')
    const ended = () => becomes(endLimitMs, async () => watcher.idle)
    if (!(await ended())) result.problems.push(`runs do not end: ${describeRuns(watcher.active)}`)
    await retryFailed(watcher, site, result)
    if (!(await ended())) result.problems.push(`runs do not end: ${describeRuns(watcher.active)}`)
    // After both, an administrator has taken over with a database that may be older than what stands in AWS.
    const mayBeOlder = plan.faults.some(({ kind }) => kind === 'restored' || kind === 'cloned')
    if (mayBeOlder) await adoptOffered(site)
    await tidy(site, watcher, witness)
    if (mayBeOlder) offered = await offeredOf(site)
  } finally {
    await watcher.stop()
    for (const close of closers) await close()
  }
  await verdict({ plan, site, watcher, witness, result, jobIds, mustStay, offered })
}

async function makeJobs(plan: TrialPlan, site: Site): Promise<string[]> {
  const servers = (await site.call<{ items: { id: string; name: string }[] }>('GET', '/api/servers?limit=100')).items
  const ids: string[] = []
  for (const { vm, schedule, settings } of plan.servers) {
    const server = servers.find(({ name }) => name === vm.name)
    if (!server) throw new Error(`The catalog has no ${vm.name}`)
    const { startAfterMs, ...rest } = schedule ?? {}
    const startAt = startAfterMs === undefined ? {} : { startAt: new Date(Date.now() + startAfterMs).toISOString() }
    const answer = await site.call<{ created: { id: string }[]; refused: unknown[] }>('POST', '/api/jobs', {
      serverIds: [server.id],
      settings,
      ...(schedule ? { schedule: { ...rest, ...startAt } } : {}),
    })
    const job = answer.created[0]
    if (!job) throw new Error(`The job for ${vm.name} was refused: ${JSON.stringify(answer.refused)}`)
    ids.push(job.id)
  }
  return ids
}

/** What failed by a named cause must succeed now that nothing is in its way. */
async function retryFailed(watcher: Watcher, site: Site, result: TrialResult): Promise<void> {
  const failed = watcher.newestRuns.filter(run => run.state === 'failed' || run.state === 'missed')
  const retries: RunView[] = []
  for (const run of failed) {
    const job = watcher.jobs.find(({ id }) => id === run.jobId)
    if (job?.state === 'paused') await site.call('PATCH', `/api/jobs/${run.jobId}`, { state: 'active' })
    retries.push(await watcher.order(run.jobId))
    site.tell(`${run.serverName} again: ${run.failure?.code ?? run.state}: ${run.failure?.message ?? ''}`)
  }
  if (retries.length === 0) return
  const now = () => retries.map(({ id }) => watcher.runs.get(id))
  await becomes(endLimitMs, async () => now().every(run => run?.endedAt !== undefined))
  for (const run of now())
    if (run && run.state !== 'succeeded')
      result.problems.push(
        `the retry of ${run.serverName} is ${run.state}: ${run.failure?.code} ${run.failure?.message}`,
      )
}

/** An older database does not know the newest images; they are offered, and an administrator takes them. */
async function adoptOffered(site: Site): Promise<void> {
  const { items } = await site.call<{ items: { kind: string; id: string; verdict: string }[] }>('GET', '/api/leftovers')
  for (const { kind, id } of items.filter(({ verdict }) => verdict === 'adopt')) {
    site.tell(`${kind} ${id} is offered for adoption`)
    if (kind === 'image') await site.call('POST', '/api/leftovers/adopt', { imageId: id })
  }
}

/**
 * EBS snapshots that the connector lists as its own and leaves to a decision: what an older database does not know it must
 * never remove, so they are no orphans as long as they are shown.
 */
async function offeredOf(site: Site): Promise<string[]> {
  const { items } = await site.call<{ items: { kind: string; id: string; verdict: string }[] }>('GET', '/api/leftovers')
  return items.filter(({ kind, verdict }) => kind === 'ebsSnapshot' && verdict === 'keep').map(({ id }) => id)
}

/** Waits for all, then fails with the first failure: nothing of a trial goes on when it is over. */
async function allOver(promises: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(promises)).find(outcome => outcome.status === 'rejected')
  if (failed) throw failed.reason
}

/** Gives the reaper its time. */
async function tidy(site: Site, watcher: Watcher, witness: Witness): Promise<void> {
  await becomes(tidyLimitMs, async () => {
    const orphans = awsOrphans(await witness.inventory(site.lab), watcher.runs.values() as Iterable<RunView>)
    if (orphans.length === 0 && (await vmLeftovers(site.lab)).length === 0) return true
    await sleep(400)
    return false
  })
}

interface Evidence {
  plan: TrialPlan
  site: Site
  watcher: Watcher
  witness: Witness
  result: TrialResult
  jobIds: string[]
  mustStay: Inventory['images']
  /** Listed by the connector, and left to a decision. */
  offered: string[]
}

async function verdict({ plan, site, watcher, witness, result, jobIds, mustStay, offered }: Evidence): Promise<void> {
  const drainMs = await site.terminate()
  if (drainMs > drainLimitMs) result.problems.push(`SIGTERM at the end: drained in ${(drainMs / 1000).toFixed(1)} s`)
  const database = await witness.database(site.seenDataDir)
  const inventory = await witness.inventory(site.lab)
  const { runs, jobs } = database
  for (const run of runs) {
    const how = run.state === 'failed' ? (run.failure?.code ?? 'failed') : run.state
    result.runs[how] = (result.runs[how] ?? 0) + 1
    if (run.failure) result.failures.push(`${run.serverName}: ${run.failure.code}: ${run.failure.message}`)
  }
  const kinds = plan.faults.map(({ kind }) => kind)

  const orphans = awsOrphans(inventory, runs).filter(text => !offered.some(id => text.includes(id)))
  result.orphans.push(...orphans, ...(await vmLeftovers(site.lab)))
  result.bytesWrong.push(...(await wrongBytes(site.lab, witness, runs)))
  for (const id of jobIds) {
    const job = jobs.find(one => one.id === id)
    if (!job) result.jobsLost.push(`job ${id} is not in the database`)
    else if (!runs.some(run => run.jobId === id && run.state === 'succeeded'))
      result.jobsLost.push(`the job of ${job.serverName} has no run that succeeded`)
  }
  result.runsDoubled.push(
    ...watcher.doubled,
    ...doubledRuns(runs, { ordered: watcher.ordered, clockJumped: kinds.includes('clockJump') }),
  )
  result.problems.push(...watcher.stale, ...databaseProblems(database), ...imageProblems(inventory, runs))
  for (const image of mustStay)
    if (!inventory.images.some(({ id }) => id === image.id))
      result.problems.push(
        `image ${image.id}, which was good before the database was restored, is gone: ${JSON.stringify(image.tags)}`,
      )
  // A process that cannot write may give up; its supervisor starts it again.
  if (!kinds.includes('dataDiskFull')) result.problems.push(...site.crashes.map(crash => `the appliance ${crash}`))
}

function describeRuns(runs: RunView[]): string {
  return runs.map(run => `${run.id} of ${run.serverName} is ${run.state}`).join(', ')
}

/** Keeps everything that may explain a failure. */
async function keep(plan: TrialPlan, result: TrialResult, site: Site | undefined, directory: string): Promise<string> {
  const folder = join(cacheDirectory, 'chaos', `seed-${plan.seed}-trial-${plan.trial}`)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const files: Record<string, unknown> = { plan, result, story: site?.story ?? [] }
  if (site) {
    await site.kill()
    await cp(site.seenDataDir, join(folder, 'data'), { recursive: true }).catch(error =>
      site.tell(`no data kept: ${error}`),
    )
    files['vcenter-requests'] = await site.lab.vcenterControl('GET', '/requests')
    files['vcenter-state'] = await site.lab.vcenterControl('GET', '/state')
    files['aws-requests'] = await site.lab.awsControl('GET', '/requests')
    for (const name of Object.keys(site.lab.pids)) await writeFile(join(folder, `${name}.log`), site.lab.log(name))
  }
  for (const [name, content] of Object.entries(files))
    await writeFile(join(folder, `${name}.json`), JSON.stringify(content, undefined, 1))
  await cp(directory, join(folder, 'logs'), {
    recursive: true,
    filter: source => source === directory || /\.log$|clock$/.test(source),
  })
  return folder
}
