// A backup as one file under a passphrase, with the key that its secrets are sealed with: all that a new appliance needs.
import { type FileHandle, open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { ApplianceError } from '../errors.ts'
import { databaseName } from './backup.ts'
import { seal, sealedBytes } from './sealed-stream.ts'
import { secretsKeyName } from './secrets.ts'

/** What stands before the parts, as JSON behind its length in 4 bytes. docs/backups.md says what the fields mean. */
export interface ExportHead {
  format: 'hoist-export'
  version: 1
  /** `damaged`: files of a database that is broken, for whoever looks into it. It cannot be restored. */
  kind: 'backup' | 'damaged'
  /** Of the backup or database, as it was called. */
  name: string
  exportedAt: string
  appliance: string
  parts: { name: PartName; sizeBytes: number }[]
}

const logName = `${databaseName}-wal`
export const partNames = [secretsKeyName, databaseName, logName] as const
export type PartName = (typeof partNames)[number]

export interface ExportOptions {
  kind: ExportHead['kind']
  name: string
  /** The database's file. */
  path: string
  /** Its write-ahead log; one that is not there is left out. */
  logPath?: string
  /** Undefined when there is none any more. */
  key: Buffer | undefined
  passphrase: string
  /** The appliance's version. */
  version: string
  now: Date
  /** As `seal`. */
  costLog2?: number
}

export interface Export {
  fileName: string
  sizeBytes: number
  content: Readable
}

/**
 * Exactly as many bytes of each file as it has now.
 * @throws {ApplianceError} NOT_FOUND when the database's file is not there
 */
export async function exportBackup(options: ExportOptions): Promise<Export> {
  const { kind, name, key, passphrase, costLog2, now } = options
  const files = await filesOf(options)
  const head: ExportHead = {
    ...{ format: 'hoist-export', version: 1, kind, name },
    ...{ exportedAt: now.toISOString(), appliance: options.version },
    parts: [
      ...(key ? [{ name: secretsKeyName, sizeBytes: key.length } as const] : []),
      ...files.map(file => ({ name: file.name, sizeBytes: file.sizeBytes })),
    ],
  }
  const opening = Buffer.concat([framed(head), key ?? Buffer.alloc(0)])
  const plainBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, opening.length)
  const sealed = seal(plain(opening, files), passphrase, costLog2 === undefined ? {} : { costLog2 })
  return {
    fileName: `${name.replace(/\.db$/, '')}.hoistbackup`,
    sizeBytes: sealedBytes(plainBytes),
    content: Readable.from(sealed, { objectMode: false }),
  }
}

interface File {
  name: PartName
  path: string
  sizeBytes: number
}

async function filesOf({ name, path, logPath }: ExportOptions): Promise<File[]> {
  const files: File[] = []
  const database = await sizeOf(path)
  const log = logPath === undefined ? undefined : await sizeOf(logPath)
  if (database === undefined && log === undefined)
    throw new ApplianceError('NOT_FOUND', `The file ${name} cannot be opened.`, {
      hint: 'List the backups to see which there are.',
    })
  if (database !== undefined) files.push({ name: databaseName, path, sizeBytes: database })
  if (logPath !== undefined && log) files.push({ name: logName, path: logPath, sizeBytes: log })
  return files
}

/** Undefined when it is gone or forbidden: then there is nothing to export. */
async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.size
}

/** JSON, behind the number of its bytes. */
export function framed(head: ExportHead): Buffer {
  const text = Buffer.from(JSON.stringify(head))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

async function* plain(opening: Buffer, files: readonly File[]): AsyncGenerator<Buffer> {
  const opened: FileHandle[] = []
  try {
    // All at once: whatever takes their place while they are read is not mixed in.
    for (const { path } of files) opened.push(await open(path, 'r'))
    yield opening
    for (const [index, { sizeBytes, path }] of files.entries()) yield* exactly(opened[index], sizeBytes, path)
  } finally {
    for (const file of opened) await file.close()
  }
}

/** @throws {ApplianceError} STORE_UNAVAILABLE when the file has fewer bytes: what was sent of it is no whole export */
async function* exactly(file: FileHandle | undefined, sizeBytes: number, path: string): AsyncGenerator<Buffer> {
  for (let offset = 0; file && offset < sizeBytes; ) {
    const buffer = Buffer.alloc(Math.min(64 * 1024, sizeBytes - offset))
    const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
    if (bytesRead === 0)
      throw new ApplianceError('STORE_UNAVAILABLE', `The file ${path} became shorter while it was exported.`, {
        hint: 'Export it again.',
      })
    offset += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
