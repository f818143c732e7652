// What rescue mode takes and shows: names of backups only, and nothing that it does not know.
import t from 'tap'
import Value from 'typebox/value'
import { RescueExportBody, RescueView, RestoreAnswer, RestoreBody } from '../../../appliance/api/schemas/rescue.ts'

const passphrase = 'twelve chars'

t.test('a backup is named by its file, never by a path', async t => {
  for (const backup of ['hoist-20260301T020000Z.db', 'before-schema-2.db']) t.ok(Value.Check(RestoreBody, { backup }))
  for (const backup of ['../hoist.db', 'a/b.db', 'hoist', '', 'x.db\n', `${'x'.repeat(99)}.db`, 7]) {
    t.notOk(Value.Check(RestoreBody, { backup }), String(backup))
    t.notOk(Value.Check(RescueExportBody, { backup, passphrase }), String(backup))
  }
  t.notOk(Value.Check(RestoreBody, {}))
  t.notOk(Value.Check(RestoreBody, { backup: 'a.db', force: true }))
})

t.test('an export is of the database or a backup, and has a passphrase of twelve characters or more', async t => {
  for (const body of [{}, { backup: 'a.db' }]) {
    t.ok(Value.Check(RescueExportBody, { ...body, passphrase }))
    t.notOk(Value.Check(RescueExportBody, body))
    t.notOk(Value.Check(RescueExportBody, { ...body, passphrase: passphrase.slice(0, 11) }))
  }
  t.notOk(Value.Check(RescueExportBody, { passphrase, part: 'secrets' }))
})

t.test('the answers have the documented form', async t => {
  const view = { code: 'STORE_DAMAGED', message: 'm', hint: 'h', findings: ['f'], backups: [] }
  t.ok(Value.Check(RescueView, view))
  t.ok(Value.Check(RescueView, { ...view, databaseBytes: 4096 }))
  t.notOk(Value.Check(RescueView, { ...view, dataDir: '/data' }))
  t.ok(Value.Check(RestoreAnswer, { backup: 'a.db', damagedFile: 'damaged-20260301T020000Z.db' }))
})
