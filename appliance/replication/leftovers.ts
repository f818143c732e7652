// What carries this connector's mark in vCenter, S3 and EC2, and whose it is: pure, told by the runs that the database knows.
import { isStage, type Run } from '../domain.ts'

export const leftoverKinds = ['vmSnapshot', 'upload', 'object', 'importTask', 'ebsSnapshot', 'image'] as const
export type LeftoverKind = (typeof leftoverKinds)[number]

/** Something that carries the mark. */
export interface Marked {
  kind: LeftoverKind
  id: string
  /** Where it stands, in words: a server, a bucket, EC2. */
  where: string
  runId?: string
  jobId?: string
  serverId?: string
  serverName?: string
  createdAt?: string
  sizeBytes?: number
  /** Of an image: what it stands on. */
  snapshotIds?: string[]
  /** Of an import task, EBS snapshot or image: whether it is done and whole. */
  complete?: boolean
}

/**
 * `inUse`: a run works on it. `keep`: a run's result, or nothing that may be judged. `remove`: temporary, and its run is over.
 * `adopt`: a good image that the database does not know; it is never removed, and can be taken in.
 */
export type Verdict = 'inUse' | 'keep' | 'remove' | 'adopt'

export interface Leftover extends Marked {
  verdict: Verdict
  why: string
}

/** What the database knows of things and runs. */
export interface Known {
  /** Runs whose ids some mark names. */
  runs: ReadonlyMap<string, Run>
  /** Images and EBS snapshots that runs name, removed ones too. */
  imageIds: ReadonlySet<string>
  snapshotIds: ReadonlySet<string>
}

/**
 * Whose each thing is. What is complete in EC2 and of a run that the database does not know is never to be removed: a
 * database that is older than what it finds must not eat good replicas.
 */
export function judge(marked: readonly Marked[], known: Known): Leftover[] {
  const images = marked.filter(({ kind, id }) => kind === 'image' && !known.imageIds.has(id))
  const tasks = marked.filter(({ kind, complete }) => kind === 'importTask' && !complete)
  const around = {
    ofUnknownImages: new Set(images.flatMap(({ snapshotIds = [] }) => snapshotIds)),
    importing: new Set(tasks.flatMap(({ runId }) => runId ?? [])),
  }
  return marked.map(thing => ({ ...thing, ...verdictOn(thing, known, around) }))
}

/** What else was found. */
interface Around {
  /** Snapshots that images of unknown runs stand on. */
  ofUnknownImages: ReadonlySet<string>
  /** Runs for which AWS is importing. */
  importing: ReadonlySet<string>
}

function verdictOn(
  { kind, id, runId, complete }: Marked,
  { runs, imageIds, snapshotIds }: Known,
  { ofUnknownImages, importing }: Around,
): { verdict: Verdict; why: string } {
  const run = runId === undefined ? undefined : runs.get(runId)
  if (run && isStage(run.state)) return { verdict: 'inUse', why: 'A run works on it.' }
  const foreign = run === undefined || run.failure?.code === 'DATABASE_RESTORED'
  const givenUp = run !== undefined && wasGivenUp(run)
  const ended = run ? `Its run has ended: ${run.state}.` : 'Its run is not known.'
  switch (kind) {
    case 'upload':
    case 'object':
      if (foreign && importing.has(runId ?? '')) return { verdict: 'keep', why: 'AWS is importing it.' }
      return { verdict: 'remove', why: `${ended} It is of use to a run only.` }
    case 'vmSnapshot':
      return { verdict: 'remove', why: `${ended} It is of use to a run only.` }
    case 'importTask':
      if (complete) return { verdict: 'keep', why: 'The task is over.' }
      // What it makes may be a good replica by the time it would be cancelled.
      if (!givenUp) return { verdict: 'keep', why: `${ended} The task comes to its end by itself.` }
      return { verdict: 'remove', why: `${ended} Nobody waits for what the task makes.` }
    case 'image':
      if (imageIds.has(id)) return { verdict: 'keep', why: 'It is the image of a run.' }
      if (givenUp) return { verdict: 'remove', why: `${ended} It was to be taken away with it.` }
      if (complete) return { verdict: 'adopt', why: `${ended} The image is whole: it can be adopted.` }
      return { verdict: 'keep', why: `${ended} The image is not whole: look at it in EC2.` }
    case 'ebsSnapshot':
      if (snapshotIds.has(id)) return { verdict: 'keep', why: 'It is the replica of a run, or under its image.' }
      if (givenUp) return { verdict: 'remove', why: `${ended} It was to be taken away with it.` }
      if (ofUnknownImages.has(id)) return { verdict: 'keep', why: 'An image that can be adopted stands on it.' }
      return {
        verdict: 'keep',
        why: `${ended} No image stands on it: look at it in EC2, and delete it if it is not wanted.`,
      }
  }
}

/** Whether the run ended badly, and what it made is of no use. How a run of an older database went on is not known. */
function wasGivenUp({ state, failure }: Run): boolean {
  return (state === 'failed' || state === 'cancelled') && failure?.code !== 'DATABASE_RESTORED'
}
