// What the appliance says and takes while its database is damaged.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

export const BackupName = Type.String({ maxLength: 64, pattern: '^[a-zA-Z0-9-]+\\.db$' })

const RescueBackup = Type.Object(
  {
    name: BackupName,
    takenAt: Timestamp,
    sizeBytes: Type.Integer(),
    ok: Type.Boolean({ description: 'It was checked just now and is whole' }),
    findings: Type.Array(Type.String(), { description: 'What is wrong with it' }),
  },
  strict,
)

export const RescueView = Type.Object(
  {
    code: Type.String(),
    message: Type.String(),
    hint: Type.String(),
    findings: Type.Array(Type.String(), { description: 'What is wrong with the database' }),
    databaseBytes: Type.Optional(Type.Integer({ description: 'Absent when there is no file' })),
    logBytes: Type.Optional(
      Type.Integer({ description: 'Of its write-ahead log; absent when there is none, or nothing stands in it' }),
    ),
    backups: Type.Array(RescueBackup, { description: 'Newest first' }),
  },
  strict,
)
export type RescueView = Static<typeof RescueView>

const passphrase = { maxLength: 1024, writeOnly: true }

export const RescueExportBody = Type.Object(
  {
    passphrase: Type.String({ ...passphrase, minLength: 12, description: 'Opens the export. It is kept nowhere' }),
    backup: Type.Optional(
      Type.Unsafe<string>({
        ...BackupName,
        description: 'Absent: the damaged database as it is, with its write-ahead log',
      }),
    ),
  },
  strict,
)
export type RescueExportBody = Static<typeof RescueExportBody>

export const RescueImportBody = Type.Object({ passphrase: Type.String({ ...passphrase, minLength: 1 }) }, strict)

export const RestoreBody = Type.Object({ backup: BackupName }, strict)
export const RestoreAnswer = Type.Object(
  { backup: BackupName, damagedFile: Type.String({ description: 'The damaged database, in the data directory' }) },
  strict,
)
export type RestoreAnswer = Static<typeof RestoreAnswer>
