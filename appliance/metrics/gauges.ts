// Gauges that are read when they are asked for: runs, VM snapshots, slots, jobs, connector, store.
import { Counter, Gauge, type Registry } from 'prom-client'
import { type Run, runStages } from '../domain.ts'
import { type JobReaders, registerJobGauges } from './job-gauges.ts'
import { type RunFigures, type RunsUnderWay, runsUnderWay } from './runs-under-way.ts'

/** One kind of slot: how many there are at most, how many now that vCenter or AWS has pushed back, and how many are in use. */
export interface SlotFigures {
  name: string
  cap: number
  limit: number
  taken: number
  waiting: number
}

/** Where the gauges come from. Each is asked at every scrape, unless it says otherwise. */
export interface GaugeReaders extends JobReaders {
  /** Runs that have not ended. Asked once: they are followed from then on. */
  activeRuns(): Promise<readonly RunFigures[]>
  slots(): readonly SlotFigures[]
  connector(): Promise<{ id: string; readOnly: boolean }>
  /** ISO 8601; absent while there is no backup. */
  lastBackupAt(): Promise<string | undefined>
  /** What the database takes on the data disk, its log included. */
  storeBytes(): Promise<number>
}

export interface GaugeOptions {
  version: string
  readers: GaugeReaders
  now: () => Date
  onError: (error: unknown) => void
}

export interface Gauges {
  /** Reads everything; a reader that fails is reported and counted, and its gauges are left out. */
  refresh(): Promise<void>
  observe(run: Run): void
  ended(run: Run): void
}

/** Gauges that one reader fills. */
interface Group {
  gauges: Gauge[]
  read(): Promise<void>
}

type MakeGauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) => Gauge<Label>

export function registerGauges(registry: Registry, { version, readers, now, onError }: GaugeOptions): Gauges {
  const make: MakeGauge = (name, help, ...labelNames) => new Gauge({ name, help, labelNames, registers: [registry] })
  const jobs = registerJobGauges(registry, readers)
  const underWay = runsUnderWay(() => readers.activeRuns())
  const groups: Record<string, Group> = {
    connector: connectorGauges(make, version, readers),
    runs: runGauges(make, underWay, now),
    jobs,
    slots: slotGauges(make, readers),
    store: storeGauges(make, readers),
    backup: backupGauges(make, readers),
  }
  const failures = new Counter({
    name: 'hoist_metrics_reader_failures_total',
    help: 'Gauges that could not be read, by reader: they are left out meanwhile.',
    labelNames: ['reader'],
    registers: [registry],
  })
  // 0 before the first failure, so that the first is an increase.
  for (const reader of Object.keys(groups)) failures.inc({ reader }, 0)

  async function readAll(): Promise<void> {
    await Promise.all(
      Object.entries(groups).map(async ([reader, { gauges, read }]) => {
        try {
          await read()
        } catch (error) {
          failures.inc({ reader })
          onError(error)
          for (const gauge of gauges) leaveOut(gauge)
        }
      }),
    )
  }

  let reading: Promise<void> | undefined
  return {
    refresh() {
      // Two scrapes at once share one reading.
      reading ??= readAll().finally(() => {
        reading = undefined
      })
      return reading
    },
    observe: underWay.observe,
    ended: jobs.ended,
  }
}

/** A gauge without labels would be 0 after a reset, which is a lie. */
function leaveOut(gauge: Gauge): void {
  gauge.reset()
  gauge.remove({})
}

function connectorGauges(make: MakeGauge, version: string, readers: GaugeReaders): Group {
  const info = make('hoist_info', 'The appliance: its version, and the id of its connector.', 'version', 'connector')
  const readOnly = make('hoist_connector_read_only', '1 while the connector waits for an administrator to decide.')
  return {
    gauges: [info, readOnly],
    async read() {
      const connector = await readers.connector()
      info.reset()
      info.set({ version, connector: connector.id }, 1)
      readOnly.set(connector.readOnly ? 1 : 0)
    },
  }
}

function runGauges(make: MakeGauge, underWay: RunsUnderWay, now: () => Date): Group {
  const runs = make('hoist_runs', 'Runs that have not ended, by stage.', 'state')
  const heldUp = make('hoist_runs_held_up', 'Runs that wait for a failure to pass.')
  const open = make('hoist_snapshots_open', 'VM snapshots that runs hold open in vCenter.')
  const age = make('hoist_snapshot_age_seconds', 'Age of the oldest open VM snapshot; 0 while there is none.')
  return {
    gauges: [runs, heldUp, open, age],
    async read() {
      const active = await underWay.all()
      for (const state of runStages) runs.set({ state }, active.filter(run => run.state === state).length)
      heldUp.set(active.filter(run => run.setback !== undefined).length)
      const openedAtMs = active
        .flatMap(run => run.steps)
        .filter(({ kind, phase }) => kind === 'vmSnapshot' && phase === 'effected')
        .map(({ at }) => Date.parse(at))
      open.set(openedAtMs.length)
      const nowMs = now().getTime()
      // A clock that was set back makes no negative age.
      age.set((nowMs - Math.min(nowMs, ...openedAtMs)) / 1000)
    },
  }
}

function slotGauges(make: MakeGauge, readers: GaugeReaders): Group {
  const waiting = make('hoist_queue_depth', 'Runs and disks that wait for a slot.', 'slot')
  const taken = make('hoist_slot_taken', 'Slots in use.', 'slot')
  const limit = make('hoist_slot_limit', 'Slots that may be in use at present, as vCenter and AWS bear it.', 'slot')
  const cap = make('hoist_slot_cap', 'Slots that may ever be in use.', 'slot')
  const gauges = [waiting, taken, limit, cap]
  return {
    gauges,
    async read() {
      const slots = readers.slots()
      // Hosts and datastores come and go.
      for (const gauge of gauges) gauge.reset()
      for (const { name: slot, ...figures } of slots) {
        waiting.set({ slot }, figures.waiting)
        taken.set({ slot }, figures.taken)
        limit.set({ slot }, figures.limit)
        cap.set({ slot }, figures.cap)
      }
    },
  }
}

function storeGauges(make: MakeGauge, readers: GaugeReaders): Group {
  const size = make('hoist_store_size_bytes', 'Size of the database on disk.')
  return {
    gauges: [size],
    async read() {
      size.set(await readers.storeBytes())
    },
  }
}

function backupGauges(make: MakeGauge, readers: GaugeReaders): Group {
  const last = make('hoist_backup_last_timestamp_seconds', 'When the newest backup was taken; 0 before the first.')
  return {
    gauges: [last],
    async read() {
      const at = await readers.lastBackupAt()
      last.set(at === undefined ? 0 : Date.parse(at) / 1000)
    },
  }
}
