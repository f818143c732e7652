// The appliance while its database is damaged: it runs nothing, shows what is wrong, and can export, restore and import.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import packageJson from '../package.json' with { type: 'json' }
import { createRescueApi } from './api/rescue.ts'
import type { Routes } from './api/routes.ts'
import type { RescueExportBody, RescueView } from './api/schemas/rescue.ts'
import { backupImporter } from './app-backups.ts'
import type { Config } from './config.ts'
import { ApplianceError } from './errors.ts'
import { ensureToken } from './private-file.ts'
import { backupPath, databaseName, listBackups } from './store/backup.ts'
import { exportBackup } from './store/backup-export.ts'
import { checkFile } from './store/check-file.ts'
import { restoreBackup } from './store/restore.ts'
import { readSecretsKey } from './store/secrets.ts'
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
  const { dataDir, secretsKey } = config
  const token = await ensureToken(join(dataDir, 'api-token'))
  const certificate = await ensureWebCertificate(dataDir)
  const { promise: restored, resolve: answered } = Promise.withResolvers<void>()
  const path = join(dataDir, databaseName)
  let taken = false
  const importer = backupImporter(dataDir, secretsKey, () => new Date())

  const restore = async (find: () => Promise<string>) => {
    if (taken)
      throw new ApplianceError('STORE_LOCKED', 'A backup is being restored already.', {
        hint: 'Wait for it, then look at /api/health/ready.',
      })
    taken = true
    try {
      const backup = await find()
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
    page: { directory: join(import.meta.dirname, '..', 'webui', 'dist') },
    rescue: {
      error,
      view: () => rescueView(dataDir, path, error),
      async export({ backup, passphrase }: RescueExportBody) {
        const shared = { passphrase, version: packageJson.version, now: new Date() }
        // A key that cannot be read is one more thing that is wrong: what there is can be saved all the same.
        const key = await readSecretsKey(dataDir, secretsKey).catch(err => {
          log.warn({ err }, 'exported without the key of the secrets')
          return undefined
        })
        if (backup === undefined)
          return await exportBackup({
            ...shared,
            kind: 'damaged',
            name: databaseName,
            path,
            logPath: logPath(path),
            key,
          })
        return await exportBackup({
          ...shared,
          kind: 'backup',
          name: backup,
          path: await backupPath(dataDir, backup),
          key,
        })
      },
      upload: content => importer.upload(content),
      restore: backup => restore(async () => backup),
      import: passphrase => restore(() => importer.open(passphrase)),
      answered,
    },
  })
  return { api, token, certificatePem: certificate.cert, restored, stop: () => api.close() }
}

/** What was written last, and is not in the file yet. */
const logPath = (path: string) => `${path}-wal`

async function rescueView(dataDir: string, path: string, error: ApplianceError): Promise<RescueView> {
  const { code, message, hint, cause } = error
  const backups: RescueView['backups'] = []
  // One after the other: each is read to its end.
  for (const backup of await listBackups(dataDir)) {
    const findings = await checkFile(await backupPath(dataDir, backup.name))
    backups.push({ ...backup, ok: findings.length === 0, findings })
  }
  // Gone or forbidden: there is nothing to export.
  const database = await stat(path).catch(() => undefined)
  const changes = await stat(logPath(path)).catch(() => undefined)
  return {
    code,
    message,
    hint,
    findings: cause instanceof Error ? [cause.message] : [],
    ...(database === undefined ? {} : { databaseBytes: database.size }),
    ...(changes === undefined || changes.size === 0 ? {} : { logBytes: changes.size }),
    backups,
  }
}
