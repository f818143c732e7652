// When a job runs next, as pure arithmetic on instants.
import type { Schedule } from '../domain.ts'
import { ApplianceError } from '../errors.ts'

const hourMs = 3_600_000
const dayMs = 24 * hourMs
/** What users know from AWS SMS: a first run starts now or within 30 days. */
const maxDaysAhead = 30
/** ISO 8601 date and time with seconds optional and a zone: without one, "02:00" would mean another hour on another machine. */
const zonedTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

export interface ScheduleProgress {
  now: Date
  /** Start of the job's newest run, however it began and ended. */
  lastStartedAt?: Date | undefined
}

/**
 * The instant of the next run; undefined when there is none any more. One in the past is due at once.
 *
 * Runs are anchored: every `everyHours` hours of elapsed time from `startAt`, across changes of daylight saving time. A run
 * that takes longer than its interval, or a time at which the appliance was down, skips to the next anchor after `now`: runs
 * never pile up. Manual runs before the first scheduled one do not use it up.
 */
export function nextRun(schedule: Schedule, progress: ScheduleProgress): Date | undefined {
  const startMs = Date.parse(schedule.startAt)
  const lastMs = progress.lastStartedAt?.getTime()
  if (lastMs === undefined || lastMs < startMs) return new Date(startMs)
  if (schedule.everyHours === undefined) return undefined
  const intervalMs = schedule.everyHours * hourMs
  // A clock that was set back must not repeat an anchor that has been served.
  const afterMs = Math.max(progress.now.getTime(), lastMs)
  return new Date(startMs + (Math.floor((afterMs - startMs) / intervalMs) + 1) * intervalMs)
}

/**
 * Checks a schedule that a user gives.
 * @throws {ApplianceError} SCHEDULE_INVALID
 */
export function validateSchedule(schedule: Schedule, now: Date): void {
  const { startAt, everyHours } = schedule
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
}

/** Date.parse takes 30 February for 2 March. */
function isCalendarDay(startAt: string): boolean {
  const day = startAt.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}

function invalid(message: string, hint: string): ApplianceError {
  return new ApplianceError('SCHEDULE_INVALID', `${message}.`, { hint })
}
