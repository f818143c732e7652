// What people are told of, and in which words. Pure: the same occasion always has the same id, so it is told once.
import type { Connector, Job, Notification, ReadOnlyReason, Run, RunStage } from '../domain.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** A run that has ended, with what is known of the job before and after it. */
export interface RunEnding {
  run: Run
  /** As it stands now that the run is counted. */
  job: Job
  /** `failuresInARow` before this run. */
  failuresBefore: number
  /** An earlier run of the job succeeded. */
  succeededBefore: boolean
  /** The job was paused already when this run, started by hand, ended. */
  pausedBefore?: boolean
}

/** What the end of a run has to tell; nothing of a run that was cancelled or missed. */
export function occasionsOfRun(ending: RunEnding): Notification[] {
  const { run, job, failuresBefore, succeededBefore, pausedBefore = false } = ending
  const told: Notification[] = []
  if (run.state === 'failed') told.push(runFailed(run, job))
  if (run.state === 'succeeded' && failuresBefore > 0) told.push(recovered(run, job, failuresBefore))
  if (run.state === 'succeeded' && !succeededBefore) told.push(firstSuccess(run, job))
  if (job.state === 'paused' && job.pausedBecause !== undefined && !pausedBefore)
    told.push(jobPaused(run, job, job.pausedBecause))
  return told
}

const during: Record<RunStage, string> = {
  scheduled: 'before its first step',
  uploading: 'while its disks were uploaded',
  converting: 'while its disks were converted',
  creatingImage: 'while its image was created',
}

function runFailed(run: Run, job: Job): Notification {
  const { code, message, hint, stage } = run.failure ?? {
    code: 'INTERNAL',
    message: 'The run left no reason.',
    hint: 'Download the log bundle and report this.',
    stage: 'scheduled' as const,
  }
  const row = job.failuresInARow > 1 ? `It is failure ${job.failuresInARow} in a row.` : ''
  return {
    event: 'runFailed',
    id: `runFailed:${run.id}`,
    at: run.endedAt ?? run.createdAt,
    title: line(`${run.serverName}: replication failed (${code})`),
    text: paragraphs(
      `The replication of the server "${run.serverName}" failed ${during[stage]}. ${row}`,
      `Cause: ${message}`,
      `What to do: ${hint}`,
      whatIsNext(job),
    ),
    details: { ...idsOf(run), code, stage, failuresInARow: String(job.failuresInARow) },
  }
}

function whatIsNext(job: Job): string {
  if (job.state === 'paused') return 'The job is paused: it does nothing until it is resumed.'
  if (job.nextRunAt === undefined) return 'No further run is planned: start one by hand when the cause is gone.'
  return `The next run is planned for ${clock(job.nextRunAt)}; one can be started by hand before.`
}

function recovered(run: Run, job: Job, failures: number): Notification {
  const after = failures === 1 ? 'a failure' : `${failures} failures in a row`
  return {
    event: 'recovered',
    id: `recovered:${run.id}`,
    at: run.endedAt ?? run.createdAt,
    title: line(`${run.serverName}: replication works again`),
    text: paragraphs(
      `The server "${run.serverName}" was replicated after ${after}. ${imageOf(run)}`,
      'There is nothing to do.',
      job.nextRunAt === undefined ? '' : `The next run is planned for ${clock(job.nextRunAt)}.`,
    ),
    details: { ...idsOf(run), failures: String(failures) },
  }
}

function firstSuccess(run: Run, job: Job): Notification {
  return {
    event: 'firstSuccess',
    id: `firstSuccess:${job.id}`,
    at: run.endedAt ?? run.createdAt,
    title: line(`${run.serverName}: first image is ready`),
    text: paragraphs(
      `The server "${run.serverName}" was replicated for the first time. ${imageOf(run)}`,
      'What to do: launch a test instance from the image, and see whether the server works in AWS.',
    ),
    details: idsOf(run),
  }
}

function imageOf(run: Run): string {
  return run.imageId === undefined ? '' : `Its image is ${run.imageId}.`
}

function jobPaused(run: Run, job: Job, because: string): Notification {
  return {
    event: 'jobPaused',
    id: `jobPaused:${job.id}:${run.id}`,
    at: run.endedAt ?? run.createdAt,
    title: line(`${job.serverName}: replication is paused`),
    text: paragraphs(
      `The appliance has paused the replication of the server "${job.serverName}".`,
      `Cause: ${because}`,
      'What to do: remove the cause of the last failure, then resume the job. Until then no new image is made.',
    ),
    details: { ...idsOf(run), ...(run.failure === undefined ? {} : { code: run.failure.code }) },
  }
}

/** A VM snapshot of ours in vCenter. */
export interface OpenSnapshot {
  moref: string
  openedAt: string
  serverName: string
  /** Absent when no run of this appliance knows it any more. */
  runId?: string
}

/** Undefined while it is younger than `ageHours`. */
export function snapshotOld(snapshot: OpenSnapshot, ageHours: number, now: Date): Notification | undefined {
  const { moref, openedAt, serverName, runId } = snapshot
  const hours = Math.floor((now.getTime() - Date.parse(openedAt)) / hourMs)
  if (!(hours >= ageHours)) return undefined
  const next =
    runId === undefined
      ? 'No run needs it any more: remove it in vCenter, if the appliance does not within the next hour.'
      : 'Look at the run: cancel it if it makes no progress. The snapshot is removed with the end of its upload.'
  return {
    event: 'snapshotOld',
    // vCenter may use a reference again; not for a snapshot of the same moment.
    id: `snapshotOld:${moref}:${openedAt}`,
    at: now.toISOString(),
    title: line(`${serverName}: VM snapshot is open for ${hours} hours`),
    text: paragraphs(
      `The VM snapshot that the appliance took of the server "${serverName}" is open since ${clock(openedAt)}.`,
      'Cause: the upload takes long, or vCenter did not remove the snapshot. Until it is removed it grows in its datastore, and a datastore that fills up stops every server on it.',
      `What to do: ${next}`,
    ),
    details: { server: serverName, snapshot: moref, openedAt, ...(runId === undefined ? {} : { runId }) },
  }
}

/** Days before its end on which a certificate is told of. */
const certificateDays = [1, 7, 14, 30]

/** A certificate that something depends on. */
export interface WatchedCertificate {
  /** Whose: vCenter's own, the CA that signs it, the appliance's web server's, an ESXi host's. */
  of: 'vcenter' | 'ca' | 'web' | 'host'
  /** Who shows it, by name or address. */
  name: string
  validTo: string
  thumbprintSha256: string
}

const certificateWords: Record<WatchedCertificate['of'], { what: string; effect: string; next: string }> = {
  vcenter: {
    what: 'The certificate of vCenter',
    effect: 'Then the appliance no longer connects to vCenter, and no server is replicated.',
    next: 'Renew it in vCenter, then look at the new one in the settings of the appliance and accept it.',
  },
  ca: {
    what: 'The certificate of the CA that signs for vCenter',
    effect: 'Then the appliance no longer connects to vCenter, and no server is replicated.',
    next: 'Upload the new certificate of the CA in the settings of the appliance.',
  },
  web: {
    what: "The certificate of the appliance's web server",
    effect: 'Then browsers warn, and programs refuse to connect.',
    next: 'Restart the appliance, which renews the one that it made itself; replace one that a CA has signed.',
  },
  host: {
    what: 'The certificate of the ESXi host',
    effect: 'Then disks of servers on this host cannot be read.',
    next: 'Renew it in vCenter: Host, Configure, Certificate.',
  },
}

/** Undefined while it is valid for more than 30 days; then once 30, 14, 7 days and 1 day before its end. */
export function certificateExpiring(certificate: WatchedCertificate, now: Date): Notification | undefined {
  const { of, name, validTo, thumbprintSha256 } = certificate
  const leftMs = Date.parse(validTo) - now.getTime()
  const threshold = certificateDays.find(days => leftMs <= days * dayMs)
  if (threshold === undefined) return undefined
  const { what, effect, next } = certificateWords[of]
  const ends = leftMs <= 0 ? 'has expired' : `expires in ${inDays(leftMs)}`
  return {
    event: 'certificateExpiring',
    id: `certificateExpiring:${of}:${name}:${thumbprintSha256}:${threshold}`,
    at: now.toISOString(),
    title: line(`${name}: certificate ${ends}`),
    text: paragraphs(
      `${what}, ${name}, ${ends}: it is valid until ${clock(validTo)}. ${effect}`,
      `What to do: ${next}`,
    ),
    details: { of, name, validTo, thumbprintSha256 },
  }
}

/** Hours before their end in which credentials are told of: session tokens live for 15 minutes to 36 hours. */
const credentialHours = [1, 24]

/** Undefined while they are valid for more than a day; then once a day and an hour before their end. */
export function credentialsExpiring(
  credentials: { accessKeyId: string; expiresAt: string },
  now: Date,
): Notification | undefined {
  const { accessKeyId, expiresAt } = credentials
  const leftMs = Date.parse(expiresAt) - now.getTime()
  const threshold = credentialHours.find(hours => leftMs <= hours * hourMs)
  if (threshold === undefined) return undefined
  const minutes = Math.max(1, Math.floor(leftMs / 60_000))
  const left = minutes < 120 ? `${minutes} minutes` : `${Math.floor(minutes / 60)} hours`
  return aboutCredentials(accessKeyId, leftMs <= 0 ? 'have expired' : `expire in ${left}`, String(threshold), now, {
    expiresAt,
  })
}

/** AWS has refused the credentials as expired: once per access key, as every session has its own. */
export function credentialsExpired(credentials: { accessKeyId: string }, now: Date): Notification {
  return aboutCredentials(credentials.accessKeyId, 'have expired', 'refused', now, { code: 'AWS_CREDENTIALS_EXPIRED' })
}

function aboutCredentials(
  accessKeyId: string,
  what: string,
  occasion: string,
  now: Date,
  details: Record<string, string>,
): Notification {
  return {
    event: 'credentialsExpiring',
    id: `credentialsExpiring:${accessKeyId}:${occasion}`,
    at: now.toISOString(),
    title: `AWS credentials ${what}`,
    text: paragraphs(
      `The session credentials ${accessKeyId}, with which the appliance works in AWS, ${what}.`,
      'Without valid ones no server is replicated; runs that are under way wait for them.',
      'What to do: enter fresh credentials in the AWS settings, or a role that the appliance can assume by itself.',
    ),
    details: { accessKeyId, ...details },
  }
}

const readOnlyWords: Record<ReadOnlyReason, string> = {
  cloned: 'another machine works as this connector: this appliance, or that one, is a copy.',
  restored: 'the database is not the one that this connector worked with last. It, or the machine, was restored.',
  leaseGone: "the connector's lease was removed from its bucket.",
  fenced: 'another machine has taken this connector over.',
}

/** The connector does nothing until somebody decides: once, until it has written its lease again. */
export function connectorReadOnly(
  { id, leaseNonces = [] }: Pick<Connector, 'id' | 'leaseNonces'>,
  reason: ReadOnlyReason,
  now: Date,
): Notification {
  return {
    event: 'connectorReadOnly',
    id: `connectorReadOnly:${id}:${leaseNonces[0] ?? ''}`,
    at: now.toISOString(),
    title: 'The connector is read-only: nothing is replicated',
    text: paragraphs(
      `The appliance has stopped working as connector ${id}. Until an administrator decides, it starts and removes nothing; its runs rest as they stand, and an open VM snapshot grows meanwhile.`,
      `Cause: ${readOnlyWords[reason]}`,
      'What to do: decide on the connector page whether this machine takes over, or becomes a connector of its own. If the other machine is the right one, switch this one off.',
    ),
    details: { connectorId: id, reason },
  }
}

/** A release that was to be installed, and is not what runs now. */
export interface FailedUpgrade {
  from: string
  to: string
  result: 'refused' | 'rolled-back'
  reason?: string
  at: string
}

/** Once for each attempt. */
export function upgradeFailed({ from, to, result, reason, at }: FailedUpgrade): Notification {
  const what =
    result === 'rolled-back'
      ? `Release ${to} was installed, was not well, and was taken back: release ${from} runs again, with its database of before.`
      : `Release ${to} was not installed: what it needs failed beforehand, and release ${from} runs on.`
  return {
    event: 'upgradeFailed',
    id: `upgradeFailed:${to}:${at}`,
    at,
    title: line(`The appliance runs release ${from} again: ${to} was not kept`),
    text: paragraphs(
      what,
      reason === undefined ? '' : `Cause: ${reason}`,
      'What to do: replication goes on. Download the log bundle, remove the cause, and install the release by hand: it is not tried again by itself.',
    ),
    details: { from, to, result },
  }
}

function idsOf(run: Run): Record<string, string> {
  const { id, jobId, serverId, serverName, imageId } = run
  return { server: serverName, serverId, jobId, runId: id, ...(imageId === undefined ? {} : { imageId }) }
}

function inDays(ms: number): string {
  const days = Math.floor(ms / dayMs)
  if (days < 1) return 'less than a day'
  return days === 1 ? '1 day' : `${days} days`
}

/** To the minute, in UTC: whoever reads it may be anywhere. */
function clock(iso: string): string {
  return `${new Date(iso).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}

/** Names come from vCenter, where they may hold anything. */
function line(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ').trim()
}

function paragraphs(...texts: string[]): string {
  return texts
    .map(text => text.trim())
    .filter(text => text !== '')
    .join('\n\n')
}
