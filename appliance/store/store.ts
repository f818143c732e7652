// Everything that is stored, opened together from one data directory.
import { join } from 'node:path'
import { makePrivateDirectory } from '../private-file.ts'
import { openDatabase } from './database.ts'
import { type JobRepository, jobRepository } from './jobs.ts'
import { type RunRepository, runRepository } from './runs.ts'
import { openSecretStore, type SecretStore } from './secrets.ts'
import { type ServerRepository, serverRepository } from './servers.ts'
import { type SettingsRepository, settingsRepository } from './settings.ts'

export interface Store {
  settings: SettingsRepository
  secrets: SecretStore
  servers: ServerRepository
  jobs: JobRepository
  runs: RunRepository
  /** Releases the data directory for another process. */
  close(): void
}

/**
 * Opens, or makes, the store in a data directory: `hoist.db` and `secrets.key`.
 * @throws {ApplianceError} STORE_LOCKED, STORE_DAMAGED, STORE_NEWER, STORE_UNAVAILABLE, PRIVATE_FILE_UNSAFE
 */
export async function openStore(dataDir: string): Promise<Store> {
  await makePrivateDirectory(dataDir)
  const database = openDatabase(join(dataDir, 'hoist.db'))
  try {
    return {
      settings: settingsRepository(database),
      secrets: await openSecretStore(database, join(dataDir, 'secrets.key')),
      servers: serverRepository(database),
      jobs: jobRepository(database),
      runs: runRepository(database),
      close: () => database.close(),
    }
  } catch (thrown) {
    database.close()
    throw thrown
  }
}
