// The schemas of support: levels of the log, and moments with their zone.
import t from 'tap'
import Value from 'typebox/value'
import {
  BundleQuery,
  LogList,
  LogQuery,
  LogUploadBody,
  LogUploadView,
  SupportView,
} from '../../../appliance/api/schemas/support.ts'
import { logLevels } from '../../../appliance/support/log-lines.ts'

t.test('every level of the log is one of the schema', async t => {
  for (const level of logLevels) {
    t.ok(Value.Check(LogQuery, { level }))
    t.ok(Value.Check(LogList, { items: [{ at: 'a', level, message: 'm', fields: { any: { thing: 1 } } }] }))
  }
  t.notOk(Value.Check(LogQuery, { level: 'loud' }))
  t.notOk(Value.Check(LogQuery, { text: 'x'.repeat(201) }))
})

t.test('moments have a zone', async t => {
  for (const from of ['2026-03-01T08:00:00Z', '2026-03-01T08:00Z', '2026-03-01T08:00:00.123+01:00'])
    t.ok(Value.Check(BundleQuery, { from }), from)
  for (const from of ['2026-03-01', '2026-03-01T08:00:00', 'now', '']) t.notOk(Value.Check(BundleQuery, { from }), from)
})

t.test('the upload shows what went wrong', async t => {
  const failure = { code: 'AWS_UNREACHABLE', message: 'm', hint: 'h' }
  t.ok(Value.Check(LogUploadView, { enabled: true, lastAt: 'a', lastKey: 'k', failure }))
  t.ok(Value.Check(SupportView, { logUpload: { enabled: false }, logBytes: 0 }))
  t.notOk(Value.Check(LogUploadBody, {}))
})
