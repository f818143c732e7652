// What must hold when a trial is over, found out by programs that are not the appliance's.
import type { Lab } from '../lab/lab.ts'
import type { Inventory, StoredDatabase, StoredRun, Witness } from './witness.ts'

export interface Findings {
  /** Disks whose replica is not what the source is. */
  bytesWrong: string[]
  /** What stands somewhere and belongs to no run that succeeded. */
  orphans: string[]
  jobsLost: string[]
  runsDoubled: string[]
  /** Anything else that must not be. */
  problems: string[]
}

export function noFindings(): Findings {
  return { bytesWrong: [], orphans: [], jobsLost: [], runsDoubled: [], problems: [] }
}

type OwningRun = Pick<StoredRun, 'state' | 'imageId' | 'imageSnapshotIds' | 'imageRemovedAt' | 'disks'>

/** Images and snapshots that runs say are theirs and stand. */
function owned(runs: Iterable<OwningRun>): Set<string> {
  const ids = new Set<string>()
  for (const run of runs) {
    if (run.state !== 'succeeded' || run.imageRemovedAt !== undefined) continue
    for (const id of [run.imageId, ...run.imageSnapshotIds, ...run.disks.map(disk => disk.snapshotId)])
      if (id !== undefined) ids.add(id)
  }
  return ids
}

/** What is left over in AWS. The connector's own records are no leftovers. */
export function awsOrphans(inventory: Inventory, runs: Iterable<OwningRun>): string[] {
  const ids = owned(runs)
  const words = (tags: Record<string, string>) => JSON.stringify(tags)
  return [
    ...inventory.objects
      .filter(key => !key.split('/').slice(1).join('/').startsWith('connector/'))
      .map(key => `object ${key}`),
    ...inventory.uploads.map(key => `unfinished upload ${key}`),
    ...inventory.tasks.map(id => `import task ${id} that goes on`),
    ...inventory.snapshots.filter(({ id }) => !ids.has(id)).map(one => `snapshot ${one.id} ${words(one.tags)}`),
    ...inventory.images.filter(({ id }) => !ids.has(id)).map(one => `image ${one.id} ${words(one.tags)}`),
  ]
}

/** Each succeeded run has what it says: a complete image over complete snapshots. */
export function imageProblems(inventory: Inventory, runs: StoredRun[]): string[] {
  const problems: string[] = []
  const complete = new Set(inventory.snapshots.filter(({ state }) => state === 'completed').map(({ id }) => id))
  for (const run of runs) {
    if (run.state !== 'succeeded' || run.imageRemovedAt !== undefined) continue
    const of = `run ${run.id} of ${run.serverName}`
    const image = inventory.images.find(({ id }) => id === run.imageId)
    if (image?.state !== 'available') problems.push(`${of}: its image ${run.imageId} is ${image?.state ?? 'not there'}`)
    if (image && [...image.snapshots].sort().join() !== [...run.imageSnapshotIds].sort().join())
      problems.push(`${of}: its image stands on ${image.snapshots}, not on ${run.imageSnapshotIds}`)
    if (run.trigger !== 'adopted' && run.imageSnapshotIds.length !== run.disks.length)
      problems.push(`${of}: not every disk is in its image`)
    const replica = run.disks.map(disk => disk.snapshotId)
    for (const id of [...replica, ...run.imageSnapshotIds])
      if (id === undefined || !complete.has(id)) problems.push(`${of}: snapshot ${id} is not complete`)
  }
  const owners = new Map<string, string>()
  for (const image of inventory.images) {
    const run = image.tags['hoist:run'] ?? image.id
    const other = owners.get(run)
    if (other !== undefined) problems.push(`images ${other} and ${image.id} are both of run ${run}`)
    owners.set(run, image.id)
  }
  return problems
}

interface LabDisk {
  key: number
  file: string
  sizeBytes: number
}

/** Compares every replica with the disk's file in the lab: guests write nothing in a trial, so what was frozen is what is there. */
export async function wrongBytes(lab: Lab, witness: Witness, runs: StoredRun[]): Promise<string[]> {
  const vms = await lab.vcenterControl<{ name: string; disks: LabDisk[] }[]>('GET', '/vms')
  const wrong: string[] = []
  for (const run of runs) {
    if (run.state !== 'succeeded' || run.imageRemovedAt !== undefined) continue
    const of = `run ${run.id} of ${run.serverName}`
    const sources = vms.find(vm => vm.name === run.serverName)?.disks ?? []
    const adopted = run.trigger === 'adopted'
    if (!adopted && sources.length !== run.disks.length)
      wrong.push(`${of}: ${run.disks.length} disks of ${sources.length}`)
    for (const source of sources) {
      // Nobody remembers which disk an adopted snapshot was made of: one of them must be this one's replica.
      const candidates = adopted ? run.disks : run.disks.filter(({ key }) => key === source.key)
      const ids = candidates.map(disk => disk.snapshotId).filter(id => id !== undefined)
      const [sha256] = await witness.sha256([source.file])
      const read = await witness.read(
        lab,
        ids.map(snapshotId => ({ snapshotId, sizeBytes: source.sizeBytes })),
      )
      const isEqual = read.some(back => back.sha256 === sha256 && back.zeroBeyondEnd)
      const isSized = adopted || candidates.every(({ sizeBytes }) => sizeBytes === source.sizeBytes)
      if (!isEqual || !isSized)
        wrong.push(`${of}, disk ${source.key} of ${source.sizeBytes} bytes: none of ${ids} is its replica`)
    }
  }
  return wrong
}

export function databaseProblems(database: StoredDatabase): string[] {
  const problems: string[] = []
  if (database.integrity.join() !== 'ok') problems.push(`the database is damaged: ${database.integrity}`)
  if (database.brokenReferences.length > 0)
    problems.push(`the database's references are broken: ${JSON.stringify(database.brokenReferences)}`)
  for (const run of database.runs) {
    const of = `run ${run.id} of ${run.serverName}`
    if (run.endedAt === undefined) problems.push(`${of} has not ended: ${run.state}`)
    if (run.failure?.code === 'INTERNAL') problems.push(`${of} failed without a name: ${run.failure.message}`)
    if (run.state === 'failed' && run.failure === undefined) problems.push(`${of} failed and does not say why`)
    if (run.state === 'cancelled') problems.push(`${of} was cancelled by nobody`)
  }
  return problems
}

/** Runs of one job that overlap, and runs that nobody ordered. */
export function doubledRuns(
  runs: StoredRun[],
  expected: { ordered: ReadonlyMap<string, number>; clockJumped: boolean },
): string[] {
  const doubled: string[] = []
  const byJob = Map.groupBy(
    runs.filter(run => run.state !== 'missed' && run.trigger !== 'adopted'),
    run => run.jobId,
  )
  for (const [jobId, list] of byJob) {
    // Hours ahead, a repeating job is due once more.
    const most = 1 + (expected.ordered.get(jobId) ?? 0) + (expected.clockJumped ? 1 : 0)
    if (list.length > most)
      doubled.push(`${list.length} runs of ${list[0]?.serverName}, ${most} at most were asked for`)
    if (expected.clockJumped) continue // their times are not comparable: the watcher has looked at the runs themselves
    const inOrder = list
      .filter(run => run.startedAt)
      .sort((a, b) => Date.parse(a.startedAt ?? '') - Date.parse(b.startedAt ?? ''))
    for (const [index, run] of inOrder.entries()) {
      const next = inOrder[index + 1]
      if (next && !(Date.parse(run.endedAt ?? '') <= Date.parse(next.startedAt ?? '')))
        doubled.push(`runs ${run.id} and ${next.id} of ${run.serverName} overlap`)
    }
  }
  return doubled
}
