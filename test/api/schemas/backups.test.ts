// The schema of backups: names are names of files of the backup directory, and no paths.
import t from 'tap'
import Value from 'typebox/value'
import { Backup, BackupParams } from '../../../appliance/api/schemas/backups.ts'
import { upgradeBackupName } from '../../../appliance/store/backup.ts'

t.test('names of backups of every kind are names', async t => {
  const rest = { takenAt: '2030-01-01T00:00:00.000Z', sizeBytes: 1 }
  for (const name of ['hoist-20300101T000000Z.db', upgradeBackupName(12)]) {
    t.ok(Value.Check(Backup, { name, ...rest }))
    t.ok(Value.Check(BackupParams, { name }))
  }
  for (const name of ['../hoist.db', 'a/b.db', '..', '', 'secrets.key', 'a.db\n', `${'a'.repeat(62)}.db`])
    t.notOk(Value.Check(BackupParams, { name }), name)
})
