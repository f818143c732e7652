// VM Import's tasks: their records, their stages, and the end of each, good or bad.
import { setTimeout as delay } from 'node:timers/promises'
import { AwsError } from './aws-error.ts'
import { newId } from './config.ts'
import type { Tag } from './snapshot-store.ts'

export type ImportDisk = {
  description?: string | undefined
  deviceName?: string | undefined
  format: string
  url?: string | undefined
  bucket?: string
  key?: string
  /** The snapshot that an image is made from. */
  sourceSnapshotId?: string
  /** The snapshot that came of it. */
  snapshotId?: string
  /** Size of the disk image as read, in bytes. */
  imageBytes?: number
  progress?: string
  status: string
}

export type ImportTask = {
  id: string
  arn: string
  kind: 'snapshot' | 'image'
  description: string
  status: 'active' | 'completed' | 'deleting' | 'deleted'
  /** What the task is doing, and after a failure the reason. */
  statusMessage?: string
  progress?: string
  encrypted: boolean
  kmsKeyArn?: string | undefined
  disks: ImportDisk[]
  tags: Tag[]
  image?: {
    architecture: string
    platform?: 'Windows' | 'Linux' | undefined
    licenseType?: string | undefined
    usageOperation?: string | undefined
    bootMode?: string | undefined
    imageId?: string
  }
  abort: AbortController
}

/** A failure that AWS reports in StatusMessage: the guest or the object is to blame, not the lab. */
export class ImportFailure extends Error {}

export class ImportStore {
  readonly tasks = new Map<string, ImportTask>()
  /** Set by the control port: the next task fails with this message. */
  nextFailure: string | undefined
  private readonly tokens = new Map<string, { parameters: string; taskId: string }>()

  /** The task that the same token made before, if its parameters were the same. */
  repeated(kind: string, token: string | undefined, input: object): ImportTask | undefined {
    const known = token === undefined ? undefined : this.tokens.get(`${kind} ${token}`)
    if (known === undefined) return undefined
    if (known.parameters !== JSON.stringify(input)) {
      throw new AwsError('IdempotentParameterMismatch', 'The client token was used before with different parameters.')
    }
    return this.tasks.get(known.taskId)
  }

  add(task: ImportTask, token: string | undefined, input: object): void {
    this.tasks.set(task.id, task)
    if (token !== undefined)
      this.tokens.set(`${task.kind} ${token}`, { parameters: JSON.stringify(input), taskId: task.id })
  }

  active(kind: ImportTask['kind']): number {
    return [...this.tasks.values()].filter(task => task.kind === kind && task.status === 'active').length
  }

  get(id: string): ImportTask {
    const task = this.tasks.get(id)
    if (task === undefined) {
      throw new AwsError('InvalidConversionTaskId.Malformed', `The import task id '${id}' does not exist.`)
    }
    return task
  }
}

export function newTaskId(kind: ImportTask['kind']): string {
  return newId(kind === 'snapshot' ? 'import-snap' : 'import-ami')
}

export type Stage = { message: string; progress: string; work?: (signal: AbortSignal) => Promise<void> }

/**
 * Leads a task through its stages, each at least `stepMs()` long, to `completed`; or through `deleting` to `deleted`.
 * @param nextFailure takes the failure that a test ordered, if there is one.
 * @param undo removes what a failed task has made so far.
 */
export async function runStages(
  task: ImportTask,
  stages: Stage[],
  stepMs: () => number,
  nextFailure: () => string | undefined,
  undo: () => Promise<void>,
): Promise<void> {
  const { signal } = task.abort
  try {
    for (const stage of stages) {
      task.statusMessage = stage.message
      task.progress = stage.progress
      // The work is waited for even after a cancel: what it still makes has to be there for `undo`.
      const ends = await Promise.allSettled([delay(stepMs(), undefined, { signal }), stage.work?.(signal)])
      for (const end of ends) if (end.status === 'rejected') throw end.reason
      if (stage.message === 'validating') {
        const ordered = nextFailure()
        if (ordered !== undefined) throw new ImportFailure(ordered)
      }
    }
    task.status = 'completed'
    delete task.statusMessage
    delete task.progress
  } catch (error) {
    task.status = 'deleting'
    delete task.progress
    task.statusMessage = failureText(error, signal)
    if (!(error instanceof ImportFailure) && !signal.aborted) process.stderr.write(`${task.id}: ${String(error)}\n`)
    await undo()
    await delay(stepMs())
    task.status = 'deleted'
  }
}

function failureText(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return String(signal.reason)
  return error instanceof ImportFailure
    ? error.message
    : 'ServerError: an internal error has occurred during conversion.'
}
