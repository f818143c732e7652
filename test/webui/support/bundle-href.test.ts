import t from 'tap'
import { bundleHref } from '../../../webui/support/bundle-href.ts'

const now = Date.parse('2026-01-08T00:00:00Z')

t.test('a bundle is asked for by its time span', async t => {
  t.equal(bundleHref('all', '', '', false, now), '/api/support/bundle')
  t.equal(bundleHref('day', '', '', true, now), '/api/support/bundle?from=2026-01-07T00%3A00%3A00.000Z&obfuscate=true')
  t.match(bundleHref('week', '', '', false, now), 'from=2026-01-01T00')
  const own = new URL(bundleHref('own', '2026-01-02T10:00', 'no time', false, now), 'https://x').searchParams
  t.equal(own.get('from'), new Date('2026-01-02T10:00').toISOString())
  t.equal(own.get('to'), null)
})
