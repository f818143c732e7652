// The way in for an exported backup: uploaded to disk as it is, then opened with its passphrase, checked, and put among the backups.
//
// Its secrets are sealed anew with this machine's key, in the copy, before anything counts: no restore changes a machine's key,
// and a backup in the list always belongs to it.
import { open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ApplianceError, toApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { makeDurable, makePrivateDirectory, syncDirectory } from '../private-file.ts'
import {
  type Backup,
  backupDirectory,
  databaseName,
  importedName,
  importedNameAt,
  namesIn,
  refuseDamaged,
  reserveBytes,
} from './backup.ts'
import { type ExportHead, type PartName, partNames } from './backup-export.ts'
import { migrations } from './migrate.ts'
import { damaged, unseal } from './sealed-stream.ts'
import { sealSecret, secretsKeyName, unsealSecret } from './secrets.ts'
import { freeBytes, unavailableHint } from './sqlite-errors.ts'

const uploadName = 'upload.hoistbackup'
/** Ours are some hundred bytes. */
const maxHeadBytes = 64 * 1024
const keyBytes = 32

/**
 * Keeps what is uploaded, whole or not at all, in the place of an earlier upload. Nothing of it is looked at.
 * @throws {ApplianceError} STORE_UNAVAILABLE when there is no room for it; the source's own error when it ends too early
 */
export async function receiveUpload(
  dataDir: string,
  content: AsyncIterable<Uint8Array>,
): Promise<{ sizeBytes: number }> {
  const path = join(backupDirectory(dataDir), uploadName)
  const unfinished = `${path}.part`
  await makePrivateDirectory(backupDirectory(dataDir))
  for (const former of [path, unfinished]) await rm(former, { force: true })
  let sizeBytes = 0
  const room = roomFor(dataDir)
  const file = await open(unfinished, 'wx', 0o600)
  try {
    for await (const chunk of content) {
      sizeBytes += chunk.length
      // It is written a second time when it is opened, and a third time when it is restored.
      if (3 * sizeBytes > room) throw noRoom(dataDir)
      await file.writeFile(chunk)
    }
    await file.sync()
    await rename(unfinished, path)
  } finally {
    await file.close()
    await rm(unfinished, { force: true })
  }
  return { sizeBytes }
}

/** Forgets an upload, and what a killed process has left of one. */
export async function discardUpload(dataDir: string): Promise<void> {
  const directory = backupDirectory(dataDir)
  for (const name of await namesIn(directory))
    if (name.startsWith(uploadName) || name.startsWith(openingPrefix)) await rm(join(directory, name), { force: true })
}

const openingPrefix = 'opening.db'

/**
 * Opens the upload and puts its database among the backups, in the place of one that was imported before: checked, its secrets
 * under this machine's key, nobody signed in. After an error the upload is still there, and nothing else has changed.
 * @param key of this machine
 * @throws {ApplianceError} NOT_FOUND without an upload, EXPORT_PASSPHRASE_WRONG, EXPORT_UNKNOWN, EXPORT_DAMAGED, STORE_NEWER
 */
export async function openUpload(
  dataDir: string,
  { passphrase, key, now = new Date() }: { passphrase: string; key: Buffer; now?: Date },
): Promise<Backup> {
  const directory = backupDirectory(dataDir)
  const opening = join(directory, openingPrefix)
  await removeOpening(directory)
  try {
    const former = await unpack(join(directory, uploadName), passphrase, opening)
    const findings = await refuseDamaged(opening).catch(toApplianceError)
    if (findings) throw damaged('the database in it is not whole')
    adopt(opening, former, key)
    await makeDurable(opening)
    const name = importedNameAt(now)
    await rename(opening, join(directory, name))
    await syncDirectory(opening)
    for (const other of await namesIn(directory))
      if (importedName.test(other) && other !== name) await rm(join(directory, other), { force: true })
    await rm(join(directory, uploadName), { force: true })
    return { name, takenAt: now.toISOString(), sizeBytes: (await stat(join(directory, name))).size }
  } finally {
    await removeOpening(directory)
  }
}

async function removeOpening(directory: string): Promise<void> {
  for (const end of ['', '-journal', '-wal', '-shm'])
    await rm(join(directory, `${openingPrefix}${end}`), { force: true })
}

/** Writes the database of an export to `to`; returns the key that its secrets are sealed with. */
async function unpack(from: string, passphrase: string, to: string): Promise<Buffer> {
  const file = await open(from, 'r').catch(ignoreMissing)
  if (!file)
    throw new ApplianceError('NOT_FOUND', 'There is no uploaded backup.', { hint: 'Upload the exported file first.' })
  try {
    const bytes = new PartReader(unseal(file.createReadStream({ autoClose: false }), passphrase))
    const head = parseHead(await bytes.take((await bytes.take(4)).readUInt32BE(), maxHeadBytes))
    const sizes = new Map(head.parts.map(({ name, sizeBytes }) => [name, sizeBytes]))
    if (head.kind === 'damaged')
      throw new ApplianceError('EXPORT_UNKNOWN', 'This is the export of a damaged database: it cannot be restored.', {
        hint: 'Choose the export of a backup.',
      })
    const size = sizes.get(databaseName)
    if (sizes.get(secretsKeyName) !== keyBytes || size === undefined || sizes.size !== 2)
      throw damaged('parts are missing')
    const former = await bytes.take(keyBytes)
    const database = await open(to, 'wx', 0o600)
    try {
      for await (const piece of bytes.stream(size)) await database.writeFile(piece)
    } finally {
      await database.close()
    }
    await bytes.end()
    return former
  } finally {
    await file.close()
  }
}

/**
 * Makes a copy this machine's own. Secrets that the key in the export does not open stay as they are: unreadable, as they were.
 * @throws {ApplianceError} STORE_NEWER, EXPORT_DAMAGED
 */
function adopt(path: string, former: Buffer, key: Buffer): void {
  const sqlite = new DatabaseSync(path, { defensive: true })
  try {
    const schema = Number(sqlite.prepare('PRAGMA user_version').get()?.user_version)
    if (schema > migrations.length)
      throw new ApplianceError(
        'STORE_NEWER',
        `The database of the export has schema ${schema}; this appliance knows ${migrations.length}.`,
        { statusCode: 422, hint: 'Upgrade this appliance, or deploy a newer one, then import it there.' },
      )
    // Whoever was signed in there is not here.
    sqlite.exec('PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON; BEGIN IMMEDIATE')
    if (sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'sessions'").get())
      sqlite.exec('DELETE FROM sessions')
    const change = sqlite.prepare('UPDATE secrets SET nonce = ?, tag = ?, ciphertext = ? WHERE name = ?')
    for (const row of sqlite.prepare('SELECT name, nonce, tag, ciphertext FROM secrets').all()) {
      const name = String(row.name)
      const secret = readable(former, name, row)
      if (secret === undefined) continue
      const { nonce, tag, ciphertext } = sealSecret(key, name, secret)
      change.run(nonce, tag, ciphertext, name)
    }
    sqlite.exec('COMMIT')
  } catch (thrown) {
    throw thrown instanceof ApplianceError ? thrown : damaged('the database in it is not one of this product')
  } finally {
    sqlite.close()
  }
}

function readable(key: Buffer, name: string, row: Record<string, unknown>): string | undefined {
  try {
    return unsealSecret(key, name, row)
  } catch (thrown) {
    if (toApplianceError(thrown).code === 'SECRET_UNREADABLE') return undefined
    throw thrown
  }
}

function parseHead(text: Buffer): ExportHead {
  let head: Partial<ExportHead>
  try {
    head = JSON.parse(text.toString()) as Partial<ExportHead>
  } catch {
    throw damaged('what it holds cannot be read')
  }
  if (head?.format !== 'hoist-export' || head.version !== 1)
    throw new ApplianceError('EXPORT_UNKNOWN', 'The export has a form that this appliance does not know.', {
      hint: 'Upgrade this appliance, then import it again.',
    })
  const { parts } = head
  const known = (name: unknown): name is PartName => partNames.some(part => part === name)
  const fine =
    Array.isArray(parts) &&
    parts.every(part => known(part?.name) && Number.isSafeInteger(part.sizeBytes) && part.sizeBytes >= 0)
  if (!fine || (head.kind !== 'backup' && head.kind !== 'damaged')) throw damaged('what it holds cannot be read')
  return head as ExportHead
}

/** Bytes of a stream, in pieces of sizes that its head tells. */
class PartReader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  async take(sizeBytes: number, limit = sizeBytes): Promise<Buffer> {
    if (sizeBytes > limit) throw damaged('what it holds cannot be read')
    return Buffer.concat(await Array.fromAsync(this.stream(sizeBytes)))
  }

  async *stream(sizeBytes: number): AsyncGenerator<Buffer> {
    for (let missing = sizeBytes; missing > 0; ) {
      if (this.#rest.length === 0) {
        const { value, done } = await this.#chunks.next()
        if (done) throw damaged('it holds less than it says')
        this.#rest = value
      }
      const piece = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(piece.length)
      missing -= piece.length
      yield piece
    }
  }

  /** To the end, so that the last chunk has proven that it is the last. */
  async end(): Promise<void> {
    if (this.#rest.length > 0 || !(await this.#chunks.next()).done) throw damaged('it holds more than it says')
  }
}

function roomFor(dataDir: string): number {
  return (freeBytes(dataDir) ?? Number.POSITIVE_INFINITY) - reserveBytes
}

function noRoom(dataDir: string): ApplianceError {
  return new ApplianceError('STORE_UNAVAILABLE', 'There is no room for the uploaded backup.', {
    hint: unavailableHint(dataDir),
  })
}
