// The appliance while its database is damaged: it runs nothing, shows what is wrong, and can export and restore.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { createRescueApi } from './api/rescue.ts'
import type { Routes } from './api/routes.ts'
import type { ExportQuery, RescueView } from './api/schemas/rescue.ts'
import type { Config } from './config.ts'
import { ApplianceError } from './errors.ts'
import { ensureToken } from './private-file.ts'
import { backupPath, databaseName, listBackups, restoreBackup } from './store/backup.ts'
import { checkFile } from './store/check-file.ts'
import { ensureWebCertificate } from './web-certificate.ts'

export interface RescueApp {
  /** With the address, certificate and token that the appliance has otherwise. Nothing listens yet. */
  api: Routes
  token: string
  /** PEM of the certificate that the API is served with. */
  certificatePem: string
  /** Resolves when a backup stands in the place of the database and whoever asked for it has been told: the appliance can start. */
  restored: Promise<void>
  /** Ends the API, so that the appliance itself can listen. Exports that go on are cut off. */
  stop(): Promise<void>
}

/** What to serve when `createApp` throws STORE_DAMAGED. */
export async function createRescueApp(config: Config, log: Logger, error: ApplianceError): Promise<RescueApp> {
  const { dataDir } = config
  const token = await ensureToken(join(dataDir, 'api-token'))
  const certificate = await ensureWebCertificate(dataDir)
  const { promise: restored, resolve: answered } = Promise.withResolvers<void>()
  const path = join(dataDir, databaseName)
  let taken = false

  const restore = async (backup: string) => {
    if (taken)
      throw new ApplianceError('STORE_LOCKED', 'A backup is being restored already.', {
        hint: 'Wait for it, then look at /api/health/ready.',
      })
    taken = true
    try {
      const damagedFile = await restoreBackup(dataDir, backup)
      log.warn({ backup, damagedFile }, 'backup restored')
      return { backup, damagedFile }
    } catch (thrown) {
      taken = false
      throw thrown
    }
  }

  const api = await createRescueApi({
    tls: certificate,
    token,
    log,
    rescue: {
      error,
      view: () => rescueView(dataDir, path, error),
      async exportPath({ backup, part }: ExportQuery) {
        if (backup !== undefined) return backupPath(dataDir, backup)
        return part === 'log' ? `${path}-wal` : path
      },
      restore,
      answered,
    },
  })
  return { api, token, certificatePem: certificate.cert, restored, stop: () => api.close() }
}

async function rescueView(dataDir: string, path: string, error: ApplianceError): Promise<RescueView> {
  const { code, message, hint, cause } = error
  const backups: RescueView['backups'] = []
  // One after the other: each is read to its end.
  for (const backup of await listBackups(dataDir)) {
    const findings = await checkFile(await backupPath(dataDir, backup.name))
    backups.push({ ...backup, ok: findings.length === 0, findings })
  }
  const database = await stat(path).catch(() => undefined) // Gone or forbidden: there is nothing to export.
  return {
    code,
    message,
    hint,
    findings: cause instanceof Error ? [cause.message] : [],
    ...(database === undefined ? {} : { databaseBytes: database.size }),
    backups,
  }
}
