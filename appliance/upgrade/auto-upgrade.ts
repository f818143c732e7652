// Whether a release that is on offer is installed by itself, and when.
import type { UpgradeOutcome } from './upgrade-state.ts'
import { compareVersions } from './version.ts'

export interface AutoUpgradeOptions {
  /** Off: an administrator does it. */
  enabled: boolean
  running: string
  /** The newest release whose bundle has been verified; undefined when there is none. */
  offered: string | undefined
  /** How the latest upgrade ended. */
  last: UpgradeOutcome | undefined
  now: Date
  /** The first instant from this one on at which the window is open; undefined when it never is. */
  nextOpening(instant: Date): Date | undefined
}

export type AutoUpgrade = { do: 'nothing'; why: string } | { do: 'wait'; until: Date } | { do: 'upgrade'; to: string }

/** A release that was not good here once is not tried again by itself: it would stop the service every night. */
export function decideAutoUpgrade({
  enabled,
  running,
  offered,
  last,
  now,
  nextOpening,
}: AutoUpgradeOptions): AutoUpgrade {
  if (!enabled) return { do: 'nothing', why: 'Automatic upgrades are off.' }
  if (offered === undefined || compareVersions(offered, running) <= 0)
    return { do: 'nothing', why: `There is no release newer than ${running}.` }
  if (last !== undefined && last.to === offered && last.result !== 'upgraded')
    return { do: 'nothing', why: `Release ${offered} was tried and not kept: install it by hand.` }
  const opening = nextOpening(now)
  if (opening === undefined) return { do: 'nothing', why: 'The window for upgrades is never open.' }
  return opening.getTime() <= now.getTime() ? { do: 'upgrade', to: offered } : { do: 'wait', until: opening }
}
