// How long a certificate is still valid, as a finding.
import { type Finding, failed, success, warning } from './check.ts'

const dayMs = 86_400_000
/** Time enough to ask a CA for another one. */
const warnDays = 30

/** @param what begins the sentence */
export function expiryFinding(what: string, validTo: string | Date, now: Date): Finding {
  const end = new Date(validTo)
  const days = Math.floor((end.getTime() - now.getTime()) / dayMs)
  const on = end.toISOString().slice(0, 10)
  if (end <= now) return failed(`${what} ended on ${on}.`, 'Renew it.')
  if (days < warnDays) return warning(`${what} ends in ${days} days, on ${on}.`, 'Renew it before that day.')
  return success(`Valid until ${on}.`)
}
