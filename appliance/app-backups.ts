// Backups as the API offers them, and the way of an exported one into the database's place, wired for the composition root.
import type { Logger } from 'pino'
import type { BackupService } from './api/backups.ts'
import { ApplianceError } from './errors.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { backupPath, listBackups } from './store/backup.ts'
import { exportBackup } from './store/backup-export.ts'
import { discardUpload, openUpload, receiveUpload } from './store/backup-import.ts'
import { stageRestore } from './store/restore.ts'
import { openSecretsKey } from './store/secrets.ts'
import type { Store } from './store/store.ts'

export interface BackupParts {
  dataDir: string
  /** As in the configuration. */
  secretsKey: string
  version: string
  store: Pick<Store, 'backup'>
  now: () => Date
  log: Logger
}

export interface Backups {
  service: BackupService
  /** Resolves when another database is to be opened, and whoever asked for it has been told. */
  replaced: Promise<void>
  /** Whether it is about to stop for it. */
  closing(): boolean
  /** Removes what an upload that was given up has left. */
  tidy(): Promise<void>
}

export function composeBackups({ dataDir, secretsKey, version, store, now, log }: BackupParts): Backups {
  const { promise: replaced, resolve: answered } = Promise.withResolvers<void>()
  const inTurn = oneAtATime()
  const importer = backupImporter(dataDir, secretsKey, now)
  return {
    replaced,
    closing: importer.isClosed,
    tidy: () => discardUpload(dataDir),
    service: {
      list: () => listBackups(dataDir),
      create: () => store.backup(),
      export: async (name, passphrase) =>
        await exportBackup({
          ...{ kind: 'backup', name, passphrase, version },
          path: await backupPath(dataDir, name),
          key: await openSecretsKey(dataDir, secretsKey),
          now: now(),
        }),
      upload: content => importer.upload(content),
      import: passphrase =>
        inTurn(async () => {
          const backup = await importer.open(passphrase)
          const formerFile = await stageRestore(dataDir, backup, now())
          importer.close()
          log.warn({ backup, formerFile }, 'backup imported: the appliance starts anew with it')
          return { backup, formerFile }
        }),
      answered,
    },
  }
}

/** Uploads and what is made of them: none is replaced while it is opened, and none is opened once one is to be restored. */
export function backupImporter(dataDir: string, secretsKey: string, now: () => Date) {
  const inTurn = oneAtATime()
  let closed = false
  const refuseIfClosed = () => {
    if (closed)
      throw new ApplianceError('STORE_LOCKED', 'A backup is being restored already.', {
        hint: 'Wait for it, then look at /api/health/ready.',
      })
  }
  let receiving = false
  return {
    async upload(content: AsyncIterable<Uint8Array>) {
      refuseIfClosed()
      // Not in turn: whoever waits would hold a connection, and the second takes the place of the first anyway.
      if (receiving)
        throw new ApplianceError('STORE_LOCKED', 'Another backup is being uploaded.', {
          hint: 'Wait until it has ended.',
        })
      receiving = true
      try {
        return await inTurn(() => receiveUpload(dataDir, content))
      } finally {
        receiving = false
      }
    },
    /** The name of the backup that it has become. */
    open: (passphrase: string): Promise<string> =>
      inTurn(async () => {
        refuseIfClosed()
        const key = await openSecretsKey(dataDir, secretsKey)
        return (await openUpload(dataDir, { passphrase, key, now: now() })).name
      }),
    close() {
      closed = true
    },
    isClosed: () => closed,
  }
}
