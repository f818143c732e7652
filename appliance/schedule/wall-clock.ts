// Between instants and what a clock on the wall shows in a time zone: names of zones, times that are skipped, times that come twice.

/** An IANA name such as `Europe/Berlin` or `UTC`: an offset such as `+01:00` knows no summer time, and is refused. */
const zoneName = /^[A-Za-z][A-Za-z0-9_+-]*(\/[A-Za-z0-9_+-]+)*$/

/** Whether this machine knows the time zone. */
export function isTimeZone(name: string): boolean {
  if (!zoneName.test(name)) return false
  try {
    clockAt(new Date(0), name)
    return true
  } catch (thrown) {
    if (thrown instanceof RangeError) return false
    throw thrown
  }
}

/** What the zone's clock and calendar show at an instant. */
export function clockAt(instant: Date, timeZone: string): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(instant.getTime()).toZonedDateTimeISO(timeZone)
}

/**
 * The instant at which the zone's clock first shows a time. One that the clock skips is taken for the instant of the skip,
 * the next that there is; of one that comes twice the first is taken.
 */
export function firstInstantOf(shown: Temporal.PlainDateTime, timeZone: string): Date {
  const found = shown.toZonedDateTime(timeZone, { disambiguation: 'earlier' })
  if (found.toPlainDateTime().equals(shown)) return new Date(found.epochMilliseconds)
  // In a gap, `earlier` reads the time as if the clock had been set forward already: that is before the gap.
  const skip = found.getTimeZoneTransition('next')
  if (!skip) throw new RangeError(`${timeZone} skips ${shown.toString()} without a transition`)
  return new Date(skip.epochMilliseconds)
}

/** Both instants at which the zone's clock may show a time; the same one twice, save around a change of the clock. */
export function bothInstantsOf(shown: Temporal.PlainDateTime, timeZone: string): [number, number] {
  return [
    shown.toZonedDateTime(timeZone, { disambiguation: 'earlier' }).epochMilliseconds,
    shown.toZonedDateTime(timeZone, { disambiguation: 'later' }).epochMilliseconds,
  ]
}

/** The instants after one and not after another at which the zone's clock is changed, in order. */
export function clockChanges(after: Date, until: Date, timeZone: string): number[] {
  const changes: number[] = []
  let change = clockAt(after, timeZone).getTimeZoneTransition('next')
  while (change && change.epochMilliseconds <= until.getTime()) {
    changes.push(change.epochMilliseconds)
    change = change.getTimeZoneTransition('next')
  }
  return changes
}
