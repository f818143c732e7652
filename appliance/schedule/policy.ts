// What holds for all jobs at an instant: how fast bytes may leave, and whether runs may start or transfers go on.
import type { BandwidthLimit, Policy } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { isTimeZone } from './wall-clock.ts'
import { isInside, nextChange, windowFlaw } from './weekly-window.ts'

/** Slower, a disk of any size would take months; what should stand still is held by a blackout window. */
export const minBytesPerSecond = 64 * 1024

export const defaultPolicy: Policy = {
  timeZone: 'UTC',
  bandwidth: { timetable: [] },
  blackouts: [],
  // A datastore that fills up halts the servers on it: well before that, our snapshot goes.
  datastoreFloor: { percent: 10, bytes: 20 * 2 ** 30 },
  // With a run a day, most of a week has been lost: somebody has to look.
  pauseAfterFailures: 5,
  // Longer than any interval: a snapshot of that age is one that a run has left behind, or cannot get done with.
  snapshotAgeHours: 24,
}

export interface Blackout {
  /** No run starts. */
  active: boolean
  /** Transfers that go on wait, too. */
  holdTransfers: boolean
  /** When runs may start again; absent when they may now. */
  endsAt?: Date
}

/** Bytes per second that a limit allows at an instant; null is no limit. The limit's windows follow the clock of `timeZone`. */
export function rateAt(limit: BandwidthLimit | undefined, instant: Date, timeZone: string): number | null {
  const entry = limit?.timetable.find(({ window }) => isInside([window], instant, timeZone))
  return entry ? entry.bytesPerSecond : (limit?.bytesPerSecond ?? null)
}

/** Whether an instant lies in a blackout; those that touch or overlap end together. */
export function blackoutAt(policy: Policy, instant: Date): Blackout {
  const { blackouts, timeZone } = policy
  const active = blackouts.filter(({ window }) => isInside([window], instant, timeZone))
  if (active.length === 0) return { active: false, holdTransfers: false }
  const endsAt = nextChange(
    blackouts.map(({ window }) => window),
    instant,
    timeZone,
  )
  return { active: true, holdTransfers: active.some(blackout => blackout.holdTransfers), ...(endsAt && { endsAt }) }
}

/** Bytes per second that may leave the appliance at an instant, by all jobs; null is no limit, 0 is a hold. */
export function transferRate(policy: Policy, instant: Date): number | null {
  return blackoutAt(policy, instant).holdTransfers ? 0 : rateAt(policy.bandwidth, instant, policy.timeZone)
}

/**
 * Checks a policy that a user gives.
 * @throws {ApplianceError} POLICY_INVALID
 */
export function validatePolicy(policy: Policy): void {
  const { timeZone, bandwidth, blackouts, datastoreFloor, pauseAfterFailures, snapshotAgeHours } = policy
  if (!isTimeZone(timeZone))
    throw invalid(
      `There is no time zone "${timeZone}"`,
      'Choose a name such as Europe/Berlin, America/New_York or UTC.',
    )
  validateBandwidth(bandwidth)
  const windows = blackouts.map(({ window }) => window)
  for (const [index, window] of windows.entries()) {
    const flaw = windowFlaw(window)
    if (flaw) throw invalid(`Blackout window ${index + 1} ${flaw}`, windowHint)
  }
  // Any instant will do: windows that leave a minute of the week free have a change within it.
  if (windows.length > 0 && blackoutAt(policy, new Date(0)).active && !nextChange(windows, new Date(0), timeZone))
    throw invalid('The blackout windows cover the whole week, so that no run would ever start', 'Leave some time free.')
  inRange('percent that stay free on a datastore', datastoreFloor.percent, 0, 90)
  inRange('bytes that stay free on a datastore', datastoreFloor.bytes, 0, Number.MAX_SAFE_INTEGER)
  inRange('failures after which a job is paused', pauseAfterFailures, 0, 1000)
  inRange('hours after which a snapshot is old', snapshotAgeHours, 1, 8760)
}

/**
 * Checks a bandwidth limit that a user gives, of the policy or of a job.
 * @throws {ApplianceError} POLICY_INVALID
 */
export function validateBandwidth({ bytesPerSecond, timetable }: BandwidthLimit): void {
  if (bytesPerSecond !== undefined) validateRate(bytesPerSecond)
  for (const [index, entry] of timetable.entries()) {
    const flaw = windowFlaw(entry.window)
    if (flaw) throw invalid(`Window ${index + 1} of the bandwidth timetable ${flaw}`, windowHint)
    if (entry.bytesPerSecond !== null) validateRate(entry.bytesPerSecond)
  }
}

/** The policy in force, for those who ask many times a second. */
export class PolicyHolder {
  #policy: Policy

  /** @throws {ApplianceError} POLICY_INVALID */
  constructor(policy: Policy = defaultPolicy) {
    validatePolicy(policy)
    this.#policy = policy
  }

  get policy(): Policy {
    return this.#policy
  }

  /** Holds from now on. @throws {ApplianceError} POLICY_INVALID, and the old one stays */
  replace(policy: Policy): void {
    validatePolicy(policy)
    this.#policy = policy
  }
}

const windowHint = 'Write it as {"days": ["mon", "tue"], "from": "08:00", "to": "18:00"}.'

function validateRate(bytesPerSecond: number): void {
  if (Number.isSafeInteger(bytesPerSecond) && bytesPerSecond >= minBytesPerSecond) return
  throw invalid(
    `A bandwidth limit of ${bytesPerSecond} bytes per second is not possible`,
    `Choose at least ${minBytesPerSecond}; to let transfers stand still, use a blackout window that holds them.`,
  )
}

function inRange(what: string, value: number, min: number, max: number): void {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return
  throw invalid(`${value} is no possible number of ${what}`, `Choose a whole number from ${min} to ${max}.`)
}

function invalid(message: string, hint: string): ApplianceError {
  return new ApplianceError('POLICY_INVALID', `${message}.`, { hint })
}
