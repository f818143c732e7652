// A stream of bytes under a passphrase: scrypt, then AES-256-GCM in chunks (STREAM). docs/backups.md describes it byte by byte.
//
// Each chunk's nonce is its number and whether it is the last: none can be left out, doubled, moved, or be the end before the
// end is. The key serves one stream only, as its salt is random, so that counted nonces never come again under it.
import { createCipheriv, createDecipheriv, createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { ApplianceError } from '../errors.ts'
import { oneAtATime } from '../one-at-a-time.ts'

const magic = Buffer.from('HOISTBAK')
const version = 1
const saltOffset = 16
const saltBytes = 32
const macOffset = saltOffset + saltBytes
const macBytes = 32
/** Magic, version, cost, salt, and HMAC-SHA-256 of what stands before it. */
export const sealedHeadBytes = macOffset + macBytes
export const chunkBytes = 64 * 1024
const tagBytes = 16
const keyBytes = 32

/** scrypt's N = 2^17 with r = 8, p = 1: 128 MiB and some 0.4 s for each guess (OWASP's first choice of 2023). */
const costLog2 = 17
/** A stream may ask for no more than this: 256 MiB. */
const maxCostLog2 = 18
const blockSize = 8

/** Each takes 128 MiB: never two at a time, however many ask. */
const inTurn = oneAtATime()

/** What a stream of so many bytes grows to. */
export function sealedBytes(plainBytes: number): number {
  return sealedHeadBytes + plainBytes + tagBytes * Math.max(1, Math.ceil(plainBytes / chunkBytes))
}

/** @param options.costLog2 log2 of scrypt's N; tests take a cheaper one */
export async function* seal(
  plain: AsyncIterable<Uint8Array>,
  passphrase: string,
  options: { costLog2?: number } = {},
): AsyncGenerator<Buffer> {
  const cost = options.costLog2 ?? costLog2
  const open = Buffer.alloc(macOffset)
  magic.copy(open)
  open.writeUInt16BE(version, 8)
  open.writeUInt8(cost, 10)
  randomBytes(saltBytes).copy(open, saltOffset)
  const { key, macKey } = await keysOf(passphrase, open)
  yield Buffer.concat([open, createHmac('sha256', macKey).update(open).digest()])
  for await (const { piece, index, last } of piecesOf(plain, chunkBytes, chunkBytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index, last))
    yield Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()])
  }
}

/**
 * What was sealed; bytes that are given out are as they were sealed, but only the end without an error says that they were all.
 * @throws {ApplianceError} EXPORT_UNKNOWN, EXPORT_PASSPHRASE_WRONG, EXPORT_DAMAGED
 */
export async function* unseal(sealed: AsyncIterable<Uint8Array>, passphrase: string): AsyncGenerator<Buffer> {
  let key: Buffer | undefined
  for await (const { piece, index, last } of piecesOf(sealed, sealedHeadBytes, chunkBytes + tagBytes)) {
    if (!key) {
      key = await keyOfHead(piece, passphrase)
      if (last) throw damaged('it ends after its head')
      continue
    }
    // The first piece is the head.
    yield openChunk(key, piece, index - 1, last)
  }
}

async function keyOfHead(head: Buffer, passphrase: string): Promise<Buffer> {
  if (!head.subarray(0, magic.length).equals(magic.subarray(0, head.length)) || head.length === 0)
    throw unknown('This file is no export of a backup.')
  if (head.length < sealedHeadBytes) throw damaged('it ends within its head')
  const found = head.readUInt16BE(8)
  if (found !== version) throw unknown(`The export has version ${found}; this appliance knows ${version}.`)
  const open = head.subarray(0, macOffset)
  const cost = open.readUInt8(10)
  if (cost < 1 || cost > maxCostLog2) throw unknown(`The export asks for a cost of 2^${cost}.`)
  const { key, macKey } = await keysOf(passphrase, open)
  if (timingSafeEqual(createHmac('sha256', macKey).update(open).digest(), head.subarray(macOffset))) return key
  throw new ApplianceError('EXPORT_PASSPHRASE_WRONG', 'The passphrase does not open the export.', {
    hint: 'Type the passphrase that was given when it was exported. If it is the right one, the head of the file is damaged: take another copy.',
  })
}

function openChunk(key: Buffer, chunk: Buffer, index: number, last: boolean): Buffer {
  const end = chunk.length - tagBytes
  if (end < 0 || (end === 0 && index > 0)) throw damaged('it ends too early')
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index, last), { authTagLength: tagBytes })
  decipher.setAuthTag(chunk.subarray(end))
  try {
    return Buffer.concat([decipher.update(chunk.subarray(0, end)), decipher.final()])
  } catch {
    // OpenSSL has one word for all: the tag does not belong to these bytes.
    throw damaged(
      `chunk ${index} was changed${last ? ', or something is missing behind it' : ', or stood somewhere else'}`,
    )
  }
}

/** The key of the chunks and the key of the head. In NFC, so that a passphrase is the same whichever keyboard it was typed on. */
async function keysOf(passphrase: string, open: Buffer): Promise<{ key: Buffer; macKey: Buffer }> {
  const salt = open.subarray(saltOffset)
  const N = 2 ** open.readUInt8(10)
  const derived = await inTurn(
    () =>
      new Promise<Buffer>((resolve, reject) =>
        scrypt(
          passphrase.normalize('NFC'),
          salt,
          2 * keyBytes,
          // Node's limit counts a little more than the 128 N r of the algorithm.
          { N, r: blockSize, p: 1, maxmem: 2 * 128 * N * blockSize + 2 ** 20 },
          (error, bytes) => (error ? reject(error) : resolve(bytes)),
        ),
      ),
  )
  return { key: derived.subarray(0, keyBytes), macKey: derived.subarray(keyBytes) }
}

/** 11 bytes of its number, and 1 for the last. */
function nonceOf(index: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(index, 5, 6)
  nonce.writeUInt8(last ? 1 : 0, 11)
  return nonce
}

/** Pieces of a stream: the first and all others of their size, the last of what is left. Even of nothing there is one, empty. */
async function* piecesOf(
  source: AsyncIterable<Uint8Array>,
  firstBytes: number,
  bytes: number,
): AsyncGenerator<{ piece: Buffer; index: number; last: boolean }> {
  let index = 0
  let whole: Buffer | undefined
  let held: Buffer[] = []
  let missing = firstBytes
  for await (const chunk of source) {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    while (rest.length > 0) {
      // What follows a whole piece tells that it is not the last.
      if (whole) yield { piece: whole, index: index++, last: false }
      whole = undefined
      const taken = rest.subarray(0, missing)
      rest = rest.subarray(taken.length)
      held.push(taken)
      missing -= taken.length
      if (missing > 0) continue
      whole = Buffer.concat(held)
      held = []
      missing = bytes
    }
  }
  yield { piece: whole ?? Buffer.concat(held), index, last: true }
}

function unknown(message: string): ApplianceError {
  return new ApplianceError('EXPORT_UNKNOWN', message, {
    hint: 'Choose a file that this product has exported; one of a newer version wants a newer appliance.',
  })
}

export function damaged(what: string): ApplianceError {
  return new ApplianceError('EXPORT_DAMAGED', `The export is damaged: ${what}.`, {
    hint: 'It was cut short or changed on its way: upload it again, from another copy if there is one.',
  })
}
