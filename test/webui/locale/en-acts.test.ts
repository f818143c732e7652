import t from 'tap'
import { accessTable } from '../../../appliance/api/access.ts'
import { acts } from '../../../webui/locale/en-acts.ts'
import { mistakes } from './texts.ts'

/** Readings that the audit log records, as they carry off a whole. */
const readings = ['GET /api/support/bundle']

t.test('every change that the API takes has words, and nothing else has', async t => {
  const changes = Object.keys(accessTable).filter(line => !line.startsWith('GET ') || readings.includes(line))
  t.strictSame(Object.keys(acts).sort(), changes.sort())
  t.strictSame(mistakes(acts), [])
  t.equal(new Set(Object.values(acts)).size, changes.length, 'each its own')
})
