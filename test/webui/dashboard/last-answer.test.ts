import t from 'tap'
import { lastAnswer } from '../../../webui/dashboard/last-answer.ts'

const check = { id: 'dns', group: 'network', title: 'DNS', state: 'success' } as const

t.test('a check that is asked again moves the time of the whole, also before the first round has ended', async t => {
  t.equal(lastAnswer({ checks: [check], running: true }), undefined)
  const checks = [{ ...check, at: '2026-01-01T10:05:00.000Z' }, check]
  t.equal(lastAnswer({ checks, running: true }), '2026-01-01T10:05:00.000Z')
  t.equal(lastAnswer({ at: '2026-01-01T10:00:00.000Z', checks, running: false }), '2026-01-01T10:05:00.000Z')
  t.equal(lastAnswer({ at: '2026-01-01T10:06:00.000Z', checks, running: false }), '2026-01-01T10:06:00.000Z')
})
