// What is left of a certificate, in days.
import t from 'tap'
import { expiryFinding } from '../../appliance/health/expiry.ts'

const now = new Date('2026-03-01T12:00:00Z')
t.test('a month ahead it is told, and the end is an error', async t => {
  const at = (days: number) => expiryFinding('It', new Date(now.getTime() + days * 86_400_000), now)
  t.match(at(31), { state: 'success', cause: 'Valid until 2026-04-01.' })
  t.match(at(29), { state: 'warning', cause: 'It ends in 29 days, on 2026-03-30.', fix: String })
  t.match(at(0), { state: 'error', cause: 'It ended on 2026-03-01.' })
  t.match(expiryFinding('It', '2020-01-01T00:00:00Z', now), { state: 'error' })
})
