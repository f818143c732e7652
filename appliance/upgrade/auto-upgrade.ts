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

/** `tried`: it was installed once, and not kept. */
export type WhyNothing = 'off' | 'nothingNewer' | 'tried' | 'neverOpen'

export type AutoUpgrade =
  | { do: 'nothing'; why: WhyNothing }
  | { do: 'wait'; to: string; until: Date }
  | { do: 'upgrade'; to: string }

/** A release that was not good here once is not tried again by itself: it would stop the service every night. */
export function decideAutoUpgrade({
  enabled,
  running,
  offered,
  last,
  now,
  nextOpening,
}: AutoUpgradeOptions): AutoUpgrade {
  if (!enabled) return { do: 'nothing', why: 'off' }
  if (offered === undefined || compareVersions(offered, running) <= 0) return { do: 'nothing', why: 'nothingNewer' }
  if (last !== undefined && last.to === offered && last.result !== 'upgraded') return { do: 'nothing', why: 'tried' }
  const opening = nextOpening(now)
  if (opening === undefined) return { do: 'nothing', why: 'neverOpen' }
  if (opening.getTime() <= now.getTime()) return { do: 'upgrade', to: offered }
  return { do: 'wait', to: offered, until: opening }
}
