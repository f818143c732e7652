// Backups of database and settings, as the API shows, exports and imports them.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'
import { BackupName } from './rescue.ts'

export const Backup = Type.Object({ name: BackupName, takenAt: Timestamp, sizeBytes: Type.Integer() }, strict)
export type Backup = Static<typeof Backup>

export const BackupList = Type.Object({ items: Type.Array(Backup, { description: 'Newest first' }) }, strict)

export const BackupParams = Type.Object({ name: BackupName }, strict)

/** Of an export that is made: a guess costs 0.4 s, so that twelve characters that nobody can look up hold. */
export const NewPassphrase = Type.String({
  minLength: 12,
  maxLength: 1024,
  writeOnly: true,
  description: 'Opens the export. It is kept nowhere: whoever loses it has lost the export',
})
const Passphrase = Type.String({ minLength: 1, maxLength: 1024, writeOnly: true, description: 'Of the export' })

const Password = Type.String({
  maxLength: 1024,
  writeOnly: true,
  description: 'Of the account that asks; in the setup of a new appliance there is none',
})

export const ExportBody = Type.Object({ passphrase: NewPassphrase, password: Type.Optional(Password) }, strict)

export const Uploaded = Type.Object({ sizeBytes: Type.Integer() }, strict)
export type Uploaded = Static<typeof Uploaded>

export const ImportBody = Type.Object({ passphrase: Passphrase, password: Type.Optional(Password) }, strict)

export const ImportAnswer = Type.Object(
  {
    backup: BackupName,
    formerFile: Type.String({ description: 'What was the database until now, in the data directory' }),
  },
  strict,
)
export type ImportAnswer = Static<typeof ImportAnswer>
