// What ImportSnapshot and ImportImage have in common: waiting for room in the queue, for a task's end, and cancelling.
import { CancelImportTaskCommand, type Tag } from '@aws-sdk/client-ec2'
import { awsCode } from './aws-errors.ts'
import type { AwsClients } from './clients.ts'
import { importRefused } from './import-refusal.ts'
import { pollPause } from './retry.ts'
import { ownershipOf } from './tags.ts'

/** VM Import's stages last minutes: 15 s between questions stay far below EC2's limits with 50 servers. */
export const defaultPollMs = 15_000
/** EC2 is eventually consistent: what it has just named may be unknown for a while. */
export const unknownForMs = 120_000

export interface ImportStatus {
  /** `active`, `completed`, `deleting` or `deleted`. */
  status: string
  /** AWS's own words, such as `pending`, `validating`, `converting`. */
  statusMessage: string
  /** Percent, when AWS gives one. */
  progress?: number
}

/** Sends `start` again, less and less often, while as many tasks run as the account may have. Quotas free themselves. */
export async function whenThereIsRoom<T>(
  start: () => Promise<T>,
  options: { signal?: AbortSignal | undefined; pollMs?: number | undefined; onQueued?: (() => void) | undefined },
): Promise<T> {
  for (
    let waitMs = options.pollMs ?? defaultPollMs;
    ;
    waitMs = Math.min(waitMs * 2, 8 * (options.pollMs ?? defaultPollMs))
  ) {
    try {
      return await start()
    } catch (thrown) {
      if (awsCode(thrown) !== 'ResourceCountLimitExceeded') throw thrown
      options.onQueued?.()
      await pollPause(waitMs, options.signal)
    }
  }
}

/**
 * Asks until the task is completed.
 * @param what names the server and disk in errors.
 * @throws ApplianceError IMPORT_REFUSED with AWS's text: a failed task shows as `deleting` or `deleted`.
 */
export async function awaitTask<T extends ImportStatus>(
  describe: () => Promise<T | undefined>,
  options: {
    what: string
    pollMs?: number | undefined
    signal?: AbortSignal | undefined
    onStatus?: ((status: ImportStatus) => void) | undefined
  },
): Promise<T> {
  const startedAt = Date.now()
  let lastMessage = ''
  for (;;) {
    const task = await describe()
    if (task !== undefined) {
      options.onStatus?.(task)
      if (task.status === 'completed') return task
      if (task.status !== 'active') throw importRefused(options.what, task.statusMessage || lastMessage)
      lastMessage = task.statusMessage
    } else if (Date.now() - startedAt > unknownForMs) {
      throw importRefused(options.what, 'AWS no longer knows the task')
    }
    await pollPause(options.pollMs ?? defaultPollMs, options.signal)
  }
}

/** Cancels a task with a time-out of its own; one that has ended, or is unknown, is no error. */
export async function cancelImportTask({ clients, taskId }: { clients: AwsClients; taskId: string }): Promise<void> {
  const command = new CancelImportTaskCommand({ ImportTaskId: taskId, CancelReason: 'cancelled by Hoist' })
  try {
    await clients.call('ec2:CancelImportTask', sdk => clients.ec2.send(command, sdk), {
      signal: AbortSignal.timeout(60_000),
    })
  } catch (thrown) {
    if (
      /^(InvalidConversionTaskId|InvalidParameter|InvalidParameterValue|IncorrectState|InvalidState)/.test(
        awsCode(thrown),
      )
    )
      return
    throw thrown
  }
}

/**
 * The task once it is no longer active: one that was almost done when it was cancelled may still come to its end.
 * @throws the signal's reason
 */
export async function settledTask<T extends ImportStatus>(
  describe: () => Promise<T | undefined>,
  { pollMs = 1_000, signal }: { pollMs?: number; signal: AbortSignal },
): Promise<T | undefined> {
  for (;;) {
    const task = await describe()
    if (task?.status !== 'active') return task
    await pollPause(pollMs, signal)
  }
}

/** What the two kinds of tasks say of themselves, in the one form. */
export function importStatusOf(task: {
  Status?: string | undefined
  StatusMessage?: string | undefined
  Progress?: string | undefined
}): ImportStatus {
  const progress = Number(task.Progress)
  return {
    status: task.Status ?? 'active',
    statusMessage: task.StatusMessage ?? '',
    ...(task.Progress !== undefined && Number.isFinite(progress) ? { progress } : {}),
  }
}

/** What `read` gives; undefined where EC2 does not know the task (yet). */
export async function unlessUnknown<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (thrown) {
    if (/^InvalidConversionTaskId/.test(awsCode(thrown))) return undefined
    throw thrown
  }
}

/** The tasks of a run of ours, by their tags: EC2 cannot filter tasks by tags, so all that it still lists are looked at. */
export async function findTasksOfRun(
  tasks: AsyncIterable<{ ImportTaskId?: string | undefined; Tags?: Tag[] | undefined }>,
  { connectorId, runId }: { connectorId: string; runId: string },
): Promise<string[]> {
  const found: string[] = []
  for await (const { ImportTaskId: taskId, Tags: tags } of tasks) {
    const mark = ownershipOf(tags)
    if (mark.runId === runId && mark.connectorId === connectorId && taskId !== undefined) found.push(taskId)
  }
  return found
}
