// What the appliance does now: runs, jobs, catalog, health and upgrades, read once and kept up to date by the event stream.
import { api } from './api.ts'
import type { CatalogView, HealthCheck, HealthView, JobView, RunView, ThroughputView, UpgradeView } from './contract.ts'
import { followEvents, type ServerEvent, type StreamState } from './events.ts'
import { type ApiError, toApiError } from './request.ts'
import { createStore, type Store } from './store.ts'

export interface Loaded<T> {
  data?: T
  error?: ApiError
}

/** A held-up run that tries again says no more of what held it up: the page keeps that until something has moved. */
export interface LiveRun extends RunView {
  retrying?: NonNullable<RunView['setback']>
}

/** One look at what is read of disks. */
export interface Sample {
  /** Its end, epoch seconds, by the browser's clock. */
  at: number
  /** How long it is. */
  seconds: number
  bytesPerSecond: number
}

/** As many runs as are read at first; older ones are asked for page by page. */
const runsRead = 500
const sampleMs = 2_000
/** As long as the appliance itself remembers. */
const samplesKeptSeconds = 3600

const stream = createStore<StreamState>('connecting')
const runs = createStore<Loaded<LiveRun[]>>({})
const jobs = createStore<Loaded<JobView[]>>({})
const catalog = createStore<Loaded<CatalogView>>({})
const health = createStore<Loaded<HealthView>>({})
const upgrade = createStore<Loaded<UpgradeView>>({})
const samples = createStore<Sample[]>([])

export const live = { stream, runs, jobs, catalog, health, upgrade, samples } as const

/** What the stream says while something is read: the answer may be older. */
const reading = new Set<ServerEvent[]>()

/** Follows the appliance until the signal. */
export function startLive(signal: AbortSignal): void {
  const reload = () =>
    void Promise.all([
      loadRuns(signal),
      loadJobs(signal),
      loadCatalog(signal),
      loadUpgrade(signal),
      loadThroughput(signal),
    ]).then(
      // What was measured last is not what is now.
      () => !signal.aborted && takeSample(),
    )
  reload()
  let wasLost = false
  void followEvents({
    signal,
    onEvent: applyEvent,
    onState(state) {
      stream.set(state)
      // The stream remembers the newest state of many subjects, but not of all.
      if (state === 'open' && wasLost) {
        reload()
        if (health.get().data) void loadHealth(signal)
      }
      wasLost = state === 'lost'
    },
  })
  const timer = setInterval(takeSample, sampleMs)
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    for (const store of [runs, jobs, catalog, health, upgrade]) store.set({})
    samples.set([])
  })
}

export const loadRuns = (signal?: AbortSignal) =>
  load(
    runs,
    async () => {
      const { items } = await api.runs({ limit: runsRead }, signal)
      const known = new Map(runs.get().data?.map(run => [run.id, run]))
      return items.map(run => keepSetback(known.get(run.id), run))
    },
    signal,
  )
export const loadJobs = (signal?: AbortSignal) => load(jobs, async () => (await api.jobs(signal)).items, signal)
export const loadCatalog = (signal?: AbortSignal) => load(catalog, () => api.catalog(signal), signal)
export const loadHealth = (signal?: AbortSignal) => load(health, () => api.health(signal), signal)
export const loadUpgrade = (signal?: AbortSignal) => load(upgrade, () => api.upgrade(signal), signal)

/** Does what is answered with how upgrades stand then. @throws {ApiError} */
export const actOnUpgrade = (act: () => Promise<UpgradeView>) => read(upgrade, act)

/**
 * Begins an import of the catalog, or joins the one under way.
 * @returns resolves when it has ended, however it ended; undefined when nobody can know any more, as after signing out
 */
export async function importCatalog(): Promise<CatalogView | undefined> {
  await beginImport()
  const ended = ({ data }: Loaded<CatalogView>) => data?.state !== 'importing'
  if (!ended(catalog.get())) {
    const { promise, resolve } = Promise.withResolvers<void>()
    const unfollow = catalog.follow(now => ended(now) && resolve())
    await promise.finally(unfollow)
  }
  return catalog.get().data
}

/** Resolves when it has begun; one that ends at once is told of before that, which the answer does not undo. @throws {ApiError} */
export const beginImport = () => read(catalog, () => api.importCatalog())

async function load<T>(store: Store<Loaded<T>>, ask: () => Promise<T>, signal?: AbortSignal): Promise<void> {
  try {
    await read(store, ask, signal)
  } catch (thrown) {
    if (!signal?.aborted) store.set({ ...store.get(), error: toApiError(thrown) })
  }
}

/** Takes an answer, and after it what the stream has said meanwhile: the answer may be older. */
async function read<T>(store: Store<Loaded<T>>, ask: () => Promise<T>, signal?: AbortSignal): Promise<void> {
  const meanwhile: ServerEvent[] = []
  reading.add(meanwhile)
  try {
    const data = await ask()
    if (!signal?.aborted) store.set({ data })
  } finally {
    reading.delete(meanwhile)
  }
  for (const event of signal?.aborted ? [] : meanwhile) take(event)
}

/** What was measured before the page was opened, and while it slept; without it the chart begins now. */
async function loadThroughput(signal: AbortSignal): Promise<void> {
  const view = await api.throughput(signal).catch(() => undefined)
  if (view && !signal.aborted) samples.set(withHistory(view, samples.get(), Date.now()))
}

/** The appliance's samples by the browser's clock, and the browser's own since. */
export function withHistory(view: ThroughputView, own: readonly Sample[], nowMs: number): Sample[] {
  const aheadMs = nowMs - Date.parse(view.now)
  const known = view.samples.map(sample => ({ ...sample, at: Math.round((Date.parse(sample.at) + aheadMs) / 1000) }))
  const last = known.at(-1)?.at ?? 0
  return [...known, ...own.filter(({ at }) => at > last)]
}

/** Takes what the stream says into the stores. */
export function applyEvent(event: ServerEvent): void {
  for (const meanwhile of reading) meanwhile.push(event)
  take(event)
}

function take({ kind, data }: ServerEvent): void {
  if (kind === 'run') noteRun(data as RunView)
  else if (kind === 'job' && (data as { deleted?: true }).deleted) forgetJob((data as JobView).id)
  else if (kind === 'job') noteJob(data as JobView)
  else if (kind === 'catalog') noteCatalog(data as Partial<CatalogView>)
  else if (kind === 'upgrade') upgrade.set({ data: data as UpgradeView })
  else if (kind === 'health') noteHealth(data as Partial<HealthView> & { id?: string })
}

/** Newest first, as the API lists them. */
export function noteRun(run: RunView): void {
  const known = runs.get().data
  if (!known) return
  const index = known.findIndex(({ id }) => id === run.id)
  const data = index === -1 ? [run, ...known] : known.with(index, keepSetback(known[index], run))
  if (index === -1) data.sort((a, b) => b.createdAt.localeCompare(a.createdAt))
  runs.set({ data })
}

/** @returns the run, with what held it up until bytes or a stage move on */
function keepSetback(before: LiveRun | undefined, run: RunView): LiveRun {
  const retrying = before?.setback ?? before?.retrying
  if (!before || !retrying || run.setback || run.endedAt !== undefined || hasMoved(before, run)) return run
  return { ...run, retrying }
}

function hasMoved(before: RunView, run: RunView): boolean {
  const status = ({ disks, imageStatus }: RunView) =>
    JSON.stringify([imageStatus, disks.map(disk => disk.importStatus)])
  return run.state !== before.state || bytesOf(run) > bytesOf(before) || status(run) !== status(before)
}

const bytesOf = ({ disks }: RunView) => disks.reduce((sum, disk) => sum + disk.readBytes + disk.uploadedBytes, 0)

export function noteJob(job: JobView): void {
  const known = jobs.get().data
  if (!known) return
  const index = known.findIndex(({ id }) => id === job.id)
  jobs.set({ data: index === -1 ? [...known, job] : known.with(index, job) })
}

export function forgetJob(jobId: string): void {
  const known = jobs.get().data
  if (known) jobs.set({ data: known.filter(({ id }) => id !== jobId) })
}

/** The whole state, as what is gone is not said; the number of servers is said only when it changes. */
function noteCatalog(state: Partial<CatalogView>): void {
  catalog.set({ data: { servers: catalog.get().data?.servers ?? 0, ...state } as CatalogView })
}

/** Either the whole of it, or one check, which takes the place of its last result. */
function noteHealth(change: Partial<HealthView> & { id?: string }): void {
  if (change.checks) health.set({ data: change as HealthView })
  else if (change.id !== undefined) {
    const data = health.get().data
    if (!data) return
    const checks = data.checks.map(check => (check.id === change.id ? (change as HealthCheck) : check))
    health.set({ data: { ...data, checks, running: checks.some(({ state }) => state === 'inProgress') } })
  }
}

/** Bytes per second of all disks that are being read. */
export function totalRate(list: readonly RunView[]): number {
  let sum = 0
  for (const run of list) {
    if (run.state === 'uploading') for (const disk of run.disks) sum += disk.bytesPerSecond ?? 0
  }
  return sum
}

function takeSample(): void {
  const at = Math.round(Date.now() / 1000)
  const kept = samples.get().filter(sample => sample.at > at - samplesKeptSeconds)
  const bytesPerSecond = totalRate(runs.get().data ?? [])
  samples.set([...kept, { at, seconds: sampleMs / 1000, bytesPerSecond }])
}
