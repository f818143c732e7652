// Backups of database and settings, as the API shows them.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'
import { BackupName } from './rescue.ts'

export const Backup = Type.Object({ name: BackupName, takenAt: Timestamp, sizeBytes: Type.Integer() }, strict)
export type Backup = Static<typeof Backup>

export const BackupList = Type.Object({ items: Type.Array(Backup, { description: 'Newest first' }) }, strict)

export const BackupParams = Type.Object({ name: BackupName }, strict)
