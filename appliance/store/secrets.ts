// Secrets at rest: AES-256-GCM under a key that is not in the database, each bound to the place it belongs to.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { ApplianceError } from '../errors.ts'
import { createPrivateFile, readPrivateFile } from '../private-file.ts'
import type { Database, Row } from './database.ts'

/** Where a secret belongs: its name, and the associated data it is sealed with. */
export const secretNames = [
  'vcenter.password',
  'aws.secretAccessKey',
  'aws.sessionToken',
  'aws.proxyPassword',
  'setup.code',
] as const
export type SecretName = (typeof secretNames)[number] | `notification.${string}`

/** The one secret of a notification channel: its password, or the key its messages are signed with. */
export function channelSecret(channelId: string): SecretName {
  return `notification.${channelId}`
}

export interface SecretStore {
  /** Undefined when it was never set. @throws {ApplianceError} SECRET_UNREADABLE */
  get(name: SecretName): Promise<string | undefined>
  set(name: SecretName, secret: string): Promise<void>
  /** No error when there is none. */
  delete(name: SecretName): Promise<void>
}

const keyBytes = 32
/** 96 bits is what GCM is defined for (NIST SP 800-38D, 8.2.2): a few thousand writes never come near its limit of 2^32 random ones. */
const nonceBytes = 12

/** Where a data directory keeps its key, unless the machine gives one. */
export const secretsKeyName = 'secrets.key'

/** A secret as its row holds it. */
interface Sealed {
  nonce: Buffer
  tag: Buffer
  ciphertext: Buffer
}

/**
 * The key of a data directory. Without a `givenPath` it is the file `secrets.key`, made at the first start. A lost one is
 * replaced: the secrets sealed with it then fail as SECRET_UNREADABLE until they are entered again, and everything else goes on.
 * With a `givenPath` it is the first in that file, which the machine has unsealed: it is only read, and must be there.
 * @throws {ApplianceError} PRIVATE_FILE_UNSAFE when others can read the key file, it does not hold 32 bytes, or the given one is missing
 */
export async function openSecretsKey(dataDir: string, givenPath: string): Promise<Buffer> {
  const path = secretsKeyPath(dataDir, givenPath)
  const found = await readSecretsKey(dataDir, givenPath)
  if (found) return found
  if (givenPath === '') return await createPrivateFile(path, randomBytes(keyBytes))
  throw new ApplianceError('PRIVATE_FILE_UNSAFE', `The key file ${path} is missing.`, {
    hint: 'The machine unseals it at its start: restart the machine, and look at the journal of hoist-boot.',
  })
}

/** The key that is there; undefined when there is none. @throws {ApplianceError} PRIVATE_FILE_UNSAFE */
export async function readSecretsKey(dataDir: string, givenPath: string): Promise<Buffer | undefined> {
  return (await readKeys(dataDir, givenPath))[0]
}

/** Keys that were in use before: the machine gives those that it can still unseal behind the one in use. @throws as above */
export async function formerSecretsKeys(dataDir: string, givenPath: string): Promise<Buffer[]> {
  return (await readKeys(dataDir, givenPath)).slice(1)
}

async function readKeys(dataDir: string, givenPath: string): Promise<Buffer[]> {
  const path = secretsKeyPath(dataDir, givenPath)
  const bytes = await readPrivateFile(path)
  if (!bytes) return []
  const count = bytes.length / keyBytes
  if (Number.isInteger(count) && (givenPath === '' ? count === 1 : count > 0))
    return Array.from({ length: count }, (_, index) => bytes.subarray(index * keyBytes, (index + 1) * keyBytes))
  throw new ApplianceError('PRIVATE_FILE_UNSAFE', `The key file ${path} has ${bytes.length} bytes, not ${keyBytes}.`, {
    hint: 'Restore it from its backup; or move it away and enter the passwords again.',
  })
}

function secretsKeyPath(dataDir: string, givenPath: string): string {
  return givenPath === '' ? join(dataDir, secretsKeyName) : givenPath
}

/** The secrets of a database under a key. */
export function openSecretStore(database: Database, key: Buffer): SecretStore {
  return {
    async get(name) {
      const row = database.read(sql => sql.get('SELECT nonce, tag, ciphertext FROM secrets WHERE name = ?', name))
      return row && unsealSecret(key, name, row)
    },
    async set(name, secret) {
      const { nonce, tag, ciphertext } = sealSecret(key, name, secret)
      database.write(sql =>
        sql.run(
          `INSERT INTO secrets (name, nonce, tag, ciphertext) VALUES (?, ?, ?, ?)
           ON CONFLICT (name) DO UPDATE SET nonce = excluded.nonce, tag = excluded.tag, ciphertext = excluded.ciphertext`,
          name,
          nonce,
          tag,
          ciphertext,
        ),
      )
    },
    async delete(name) {
      database.write(sql => sql.run('DELETE FROM secrets WHERE name = ?', name))
    },
  }
}

/** Brings what former keys have sealed under the one in use. What none of them opens stays as it is. */
export function resealSecrets(database: Database, key: Buffer, former: readonly Buffer[]): void {
  if (former.length === 0) return
  database.write(sql => {
    for (const row of sql.all('SELECT name, nonce, tag, ciphertext FROM secrets')) {
      const name = String(row.name)
      if (opened(key, name, row) !== undefined) continue
      const secret = former.map(each => opened(each, name, row)).find(each => each !== undefined)
      if (secret === undefined) continue
      const { nonce, tag, ciphertext } = sealSecret(key, name, secret)
      sql.run('UPDATE secrets SET nonce = ?, tag = ?, ciphertext = ? WHERE name = ?', nonce, tag, ciphertext, name)
    }
  })
}

function opened(key: Buffer, name: string, row: Row): string | undefined {
  try {
    return unsealSecret(key, name, row)
  } catch {
    return undefined // Another key's: whoever asks for the secret is told.
  }
}

export function sealSecret(key: Buffer, name: string, secret: string): Sealed {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name))
  const ciphertext = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
  return { nonce, tag: cipher.getAuthTag(), ciphertext }
}

/** @throws {ApplianceError} SECRET_UNREADABLE */
export function unsealSecret(key: Buffer, name: string, row: Row): string {
  try {
    const { nonce, tag, ciphertext } = row
    if (!(nonce instanceof Uint8Array && tag instanceof Uint8Array && ciphertext instanceof Uint8Array))
      throw new TypeError('not binary')
    // A shorter tag would be accepted by OpenSSL, and is easier to forge.
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 })
    decipher.setAAD(Buffer.from(name)).setAuthTag(tag)
    return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
  } catch (cause) {
    throw new ApplianceError('SECRET_UNREADABLE', `The stored secret "${name}" cannot be decrypted.`, {
      cause,
      hint: 'The key file was replaced or the row was changed: restore both from one backup, start the machine with the TPM it had, or enter the secret again.',
    })
  }
}
