// When a job runs next, as pure arithmetic on a schedule, instants and the clock of a time zone.
import { createHash } from 'node:crypto'
import type { Job, Schedule } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { clockAt, firstInstantOf, isTimeZone } from './wall-clock.ts'
import { isInside, nextOpening, windowFlaw } from './weekly-window.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** What users know from AWS SMS: a first run starts now or within 30 days. */
const maxDaysAhead = 30
/** Jobs that were made together would otherwise all ask vCenter for a snapshot in the same second, every time. */
const maxJitterMs = 5 * 60_000
const maxJitterShare = 0.05
/** ISO 8601 date and time with seconds optional and a zone: without one, "02:00" would mean another hour on another machine. */
const zonedTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

export interface ScheduleProgress {
  now: Date
  /** The planned time that was dealt with last: `Job.lastPlannedAt`. */
  servedAt?: Date | undefined
  /** Decides the offset against herds; absent for a preview of a job that does not exist yet. */
  jobId?: string
}

/** The first run of a schedule, however long ago: the start that the user gave, or the opening of the windows after it. */
export function firstRun(schedule: Schedule): Date {
  return place(schedule, new Date(schedule.startAt))
}

/**
 * The next run after `now`; undefined when there is none any more.
 *
 * Runs are anchored at the schedule's start, so that they neither drift nor pile up: an interval that divides the day keeps
 * its times of day by the zone's clock, any other is elapsed time. After a clock was set back, a run that has been served is
 * not repeated; if several have been, the clock was far ahead, and what was served by it binds no longer.
 */
export function nextRun(schedule: Schedule, { now, servedAt, jobId }: ScheduleProgress): Date | undefined {
  const first = firstRun(schedule)
  if (first > now && !(servedAt && servedAt >= first)) return first
  if (schedule.everyHours === undefined) return undefined
  const next = plannedAfter(schedule, schedule.everyHours, now, jobId)
  if (!servedAt || servedAt < next) return next
  const following = plannedAfter(schedule, schedule.everyHours, next, jobId)
  return servedAt < following ? following : next
}

/** When a job that was paused runs next: at the next anchor. Only a single run that has not been served is due at once. */
export function resumedRun(job: Pick<Job, 'id' | 'schedule' | 'lastPlannedAt'>, now: Date): Date | undefined {
  const { schedule, lastPlannedAt } = job
  const servedAt = lastPlannedAt === undefined ? undefined : new Date(lastPlannedAt)
  const next = nextRun(schedule, { now, servedAt, jobId: job.id })
  if (next || schedule.everyHours !== undefined) return next
  const first = firstRun(schedule)
  return servedAt && servedAt >= first ? undefined : first
}

/**
 * The first instant from `earliest` on at which the job's windows are open, with the job's offset against herds if it
 * repeats and the offset still lies inside. (A schedule's windows always open again: they are validated.)
 */
export function place(schedule: Schedule, earliest: Date, jobId?: string): Date {
  const { windows = [], timeZone = 'UTC', everyHours } = schedule
  const opening = windows.length === 0 ? earliest : (nextOpening(windows, earliest, timeZone) ?? earliest)
  if (jobId === undefined || everyHours === undefined) return opening
  const offset = new Date(opening.getTime() + jitterMs(jobId, everyHours))
  return windows.length === 0 || isInside(windows, offset, timeZone) ? offset : opening
}

/** What becomes of a run that was planned for `plannedAt` and is looked at `now`: `run` and `skip` are for one that was missed. */
export function missedRuns(
  schedule: Schedule,
  { plannedAt, now, toleranceMs }: { plannedAt: Date; now: Date; toleranceMs: number },
): 'onTime' | 'run' | 'skip' {
  if (now.getTime() - plannedAt.getTime() <= toleranceMs) return 'onTime'
  // Skipping a single run would lose it for ever: that has to be asked for.
  return schedule.whenMissed ?? (schedule.everyHours === undefined ? 'run' : 'skip')
}

/** Offset of a job's runs, 0 to 5 minutes or 5 % of the interval: always the same, in whole seconds. */
function jitterMs(jobId: string, everyHours: number): number {
  const seconds = Math.min(maxJitterMs, everyHours * hourMs * maxJitterShare) / 1000
  return (createHash('sha256').update(jobId).digest().readUInt32BE() % (Math.floor(seconds) + 1)) * 1000
}

/** When the first run after an instant is planned, of a job that repeats. */
function plannedAfter(schedule: Schedule, everyHours: number, after: Date, jobId: string | undefined): Date {
  const { last, next } = anchorsAround(schedule, everyHours, after)
  if (!last) return firstRun(schedule)
  // The anchor that has passed may still be waiting: for its offset, or for the windows to open.
  const isStart = last.getTime() === Date.parse(schedule.startAt)
  const waiting = isStart ? firstRun(schedule) : place(schedule, last, jobId)
  return waiting > after ? waiting : place(schedule, next, jobId)
}

/** The last anchor not after an instant (none before the start), and the first one after it. */
function anchorsAround(schedule: Schedule, everyHours: number, after: Date): { last: Date | undefined; next: Date } {
  const start = new Date(schedule.startAt)
  if (after < start) return { last: undefined, next: start }
  const intervalMs = everyHours * hourMs
  if (24 % everyHours !== 0) {
    const lastMs = after.getTime() - ((after.getTime() - start.getTime()) % intervalMs)
    return { last: new Date(lastMs), next: new Date(lastMs + intervalMs) }
  }
  const timeZone = schedule.timeZone ?? 'UTC'
  const startShown = clockAt(start, timeZone).toPlainDateTime()
  // What the clock shows now has been before, so have all times before it; later ones too, when it was just set back.
  const passedMs = clockAt(after, timeZone).toPlainDateTime().since(startShown).total('milliseconds')
  let last = start
  for (let count = Math.floor(passedMs / intervalMs); ; count++) {
    const anchor = firstInstantOf(startShown.add({ hours: count * everyHours }), timeZone)
    if (anchor <= start) continue
    if (anchor > after) return { last, next: anchor }
    last = anchor
  }
}

/**
 * Checks a schedule that a user gives.
 * @throws {ApplianceError} SCHEDULE_INVALID
 */
export function validateSchedule(schedule: Schedule, now: Date): void {
  const { startAt, everyHours, timeZone, whenMissed, windows = [] } = schedule
  const startMs = zonedTime.test(startAt) ? Date.parse(startAt) : Number.NaN
  if (Number.isNaN(startMs) || !isCalendarDay(startAt))
    throw invalid(`The start "${startAt}" is no date and time with a zone`, 'Write it as 2026-03-01T02:00:00Z.')
  if (startMs > now.getTime() + maxDaysAhead * dayMs)
    throw invalid(`The start ${startAt} is more than ${maxDaysAhead} days ahead`, 'Choose an earlier start.')
  // "Now" arrives a little late, or from a slow clock; anything older is a slip, and would start a run at once.
  if (startMs < now.getTime() - dayMs)
    throw invalid(`The start ${startAt} is more than a day in the past`, 'Choose now, or a later start.')
  if (everyHours !== undefined && !(Number.isInteger(everyHours) && everyHours >= 1 && everyHours <= 24))
    throw invalid(`An interval of ${everyHours} hours is not possible`, 'Choose 1 to 24 whole hours, or a single run.')
  if (timeZone !== undefined && !isTimeZone(timeZone))
    throw invalid(
      `There is no time zone "${timeZone}"`,
      'Choose a name such as Europe/Berlin, America/New_York or UTC.',
    )
  if (whenMissed !== undefined && whenMissed !== 'skip' && whenMissed !== 'run')
    throw invalid(`A missed run cannot be dealt with by "${String(whenMissed)}"`, 'Choose skip or run.')
  for (const [index, window] of windows.entries()) {
    const flaw = windowFlaw(window)
    if (flaw)
      throw invalid(`Window ${index + 1} ${flaw}`, 'Write it as {"days": ["sat"], "from": "22:00", "to": "04:00"}.')
  }
}

/** Date.parse takes 30 February for 2 March. */
function isCalendarDay(startAt: string): boolean {
  const day = startAt.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

function invalid(message: string, hint: string): ApplianceError {
  return new ApplianceError('SCHEDULE_INVALID', `${message}.`, { hint })
}
