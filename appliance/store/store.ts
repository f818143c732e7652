// Everything that is stored, opened together from one data directory.
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ignoreMissing } from '../missing-file.ts'
import { oneAtATime } from '../one-at-a-time.ts'
import { makePrivateDirectory } from '../private-file.ts'
import { type AccountRepository, accountRepository } from './accounts.ts'
import { type ApiTokenRepository, apiTokenRepository } from './api-tokens.ts'
import { type AuditRepository, auditRepository } from './audit.ts'
import {
  type Backup,
  backupDirectory,
  checkInUse,
  databaseName,
  listBackups,
  takeBackup,
  upgradeBackupName,
} from './backup.ts'
import { openDatabase } from './database.ts'
import { type JobRepository, jobRepository } from './jobs.ts'
import { type NotificationChannelRepository, notificationChannelRepository } from './notification-channels.ts'
import { type NotificationRepository, notificationRepository } from './notifications.ts'
import { finishRestore } from './restore.ts'
import { type RunRepository, runRepository } from './runs.ts'
import {
  formerSecretsKeys,
  openSecretStore,
  openSecretsKey,
  resealSecrets,
  type SecretStore,
  secretsKeyName,
} from './secrets.ts'
import { type ServerRepository, serverRepository } from './servers.ts'
import { type SessionRepository, sessionRepository } from './sessions.ts'
import { type SettingsRepository, settingsRepository } from './settings.ts'
import { type SetupProgressRepository, setupProgressRepository } from './setup-progress.ts'
import { damagedError } from './sqlite-errors.ts'

export interface Store {
  settings: SettingsRepository
  secrets: SecretStore
  servers: ServerRepository
  jobs: JobRepository
  runs: RunRepository
  channels: NotificationChannelRepository
  notifications: NotificationRepository
  accounts: AccountRepository
  sessions: SessionRepository
  apiTokens: ApiTokenRepository
  audit: AuditRepository
  setupProgress: SetupProgressRepository
  /** Copies the database while it is in use; a second call waits for the first. @throws {ApplianceError} as `takeBackup` */
  backup(options?: { now?: Date; signal?: AbortSignal }): Promise<Backup>
  /** What is wrong with the database as it stands; a second call waits for the first. @throws {ApplianceError} as `checkInUse` */
  check(options?: { signal?: AbortSignal }): Promise<string[]>
  /** Releases the data directory for another process. */
  close(): void
}

/** What the appliance makes after its database: beside an empty one, it tells that it has lost everything. */
const madeAfterwards = [secretsKeyName, 'api-token']

/**
 * Opens, or makes, the store in a data directory: `hoist.db` and `secrets.key`. A database of an older version is copied to
 * `backups/before-schema-N.db` before its schema becomes N. A backup's return that was cut off is brought to its end first.
 * @param secretsKey path of the key, where the machine gives one
 * @throws {ApplianceError} STORE_LOCKED, STORE_DAMAGED, STORE_NEWER, STORE_UNAVAILABLE, PRIVATE_FILE_UNSAFE
 */
export async function openStore(dataDir: string, secretsKey = ''): Promise<Store> {
  await makePrivateDirectory(dataDir)
  await finishRestore(dataDir)
  const path = join(dataDir, databaseName)
  // One that is missing where there are backups of it has lost everything, too: a new one would push them out.
  const sizeBytes = await sizeOf(path)
  if (sizeBytes === 0)
    for (const name of madeAfterwards)
      if ((await sizeOf(join(dataDir, name))) !== undefined) throw damagedError(path, new Error('the file is empty'))
  if (sizeBytes === undefined && (await listBackups(dataDir)).length > 0)
    throw damagedError(path, new Error('the file is missing, and there are backups of it'))
  const database = openDatabase(path, {
    beforeUpgrade: (schema, copyTo) => copyAside(backupDirectory(dataDir), upgradeBackupName(schema + 1), copyTo),
  })
  const inTurn = oneAtATime()
  try {
    const key = await openSecretsKey(dataDir, secretsKey)
    resealSecrets(database, key, await formerSecretsKeys(dataDir, secretsKey))
    return {
      settings: settingsRepository(database),
      secrets: openSecretStore(database, key),
      servers: serverRepository(database),
      jobs: jobRepository(database),
      runs: runRepository(database),
      channels: notificationChannelRepository(database),
      notifications: notificationRepository(database),
      accounts: accountRepository(database),
      sessions: sessionRepository(database),
      apiTokens: apiTokenRepository(database),
      audit: auditRepository(database),
      setupProgress: setupProgressRepository(database),
      backup: ({ now, signal } = {}) => inTurn(() => takeBackup(database, dataDir, now ?? new Date(), signal)),
      check: ({ signal } = {}) => inTurn(() => checkInUse(database, dataDir, signal)),
      close: () => database.close(),
    }
  } catch (thrown) {
    database.close()
    throw thrown
  }
}

/** Before the process serves anyone: nothing waits for it. */
function copyAside(directory: string, name: string, copyTo: (path: string) => void): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const unfinished = join(directory, `${name}.0.new`)
  rmSync(unfinished, { force: true })
  try {
    // SQLite fills an empty file, which keeps its mode, but leaves it to us to make it durable.
    const file = openSync(unfinished, 'wx', 0o600)
    try {
      copyTo(unfinished)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(unfinished, join(directory, name))
  } finally {
    rmSync(unfinished, { force: true })
  }
}

/** Undefined when there is no such file. */
async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(ignoreMissing))?.size
}
