// When a check last gave an answer. Pure.
import type { HealthView } from '../contract.ts'

/** ISO 8601; of a single check that was asked again, too. Undefined before the first answer. */
export function lastAnswer({ at, checks }: HealthView): string | undefined {
  return [at, ...checks.map(check => check.at)]
    .filter(time => time !== undefined)
    .sort()
    .at(-1)
}
