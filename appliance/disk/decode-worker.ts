// The worker thread beside an NFC run: decodes streams as they pass, writes their manifests, and hashes the streams themselves.
import { createHash, type Hash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { type ErrorCode, toApplianceError } from '../errors.ts'
import { BLOCK_BYTES } from './disk.ts'
import { ManifestWriter } from './manifest.ts'
import { VmdkStreamReader } from './vmdk-stream-reader.ts'

export type DecodeRequest =
  | { kind: 'open'; id: number; diskLabel: string; sizeBytesExpected: number; manifestPath: string }
  | { kind: 'chunk'; id: number; chunk: Uint8Array }
  | { kind: 'finish'; id: number }
  | { kind: 'close'; id: number }

export interface VmdkDigestResult {
  capacityBytes: number
  /** Bytes of the stream, as the host sent them. */
  streamBytes: number
  /** Of the stream, hexadecimal: what HttpNfcLeaseGetManifest gives unless it was told to give another. */
  sha1: string
  blocks: number
  zeroBlocks: number
  /** Bytes of disk that the stream held grains for, in whole blocks. */
  bytesDecoded: number
  /** The manifest's own checksum, hexadecimal. */
  manifestSha256: string
}

/** An ApplianceError's parts: an Error loses its code on its way between threads. */
export interface DecodeFailure {
  code: ErrorCode
  message: string
  hint: string
  statusCode: number
  stack: string | undefined
}

export type DecodeAnswer =
  | { kind: 'consumed'; id: number; bytes: number; positionBytes: number }
  | { kind: 'finished'; id: number; result: VmdkDigestResult }
  | { kind: 'failed'; id: number; failure: DecodeFailure }
  | { kind: 'closed'; id: number }

class StreamDigest {
  readonly #reader: VmdkStreamReader
  readonly #manifest: ManifestWriter
  readonly #sha1: Hash = createHash('sha1')
  #streamBytes = 0
  #bytesDecoded = 0
  /** How far the stream has come on the disk. */
  positionBytes = 0

  constructor(options: { diskLabel: string; sizeBytesExpected: number; manifestPath: string }) {
    const { diskLabel, sizeBytesExpected, manifestPath } = options
    this.#manifest = new ManifestWriter(manifestPath, sizeBytesExpected)
    this.#reader = new VmdkStreamReader({
      label: diskLabel,
      sizeBytesExpected,
      onBlock: (index, data) => {
        this.#manifest.add(index, data)
        this.#bytesDecoded += data.length
        this.positionBytes = index * BLOCK_BYTES + data.length
      },
    })
  }

  write(chunk: Uint8Array): void {
    this.#sha1.update(chunk)
    this.#streamBytes += chunk.length
    this.#reader.write(chunk)
  }

  finish(): VmdkDigestResult {
    this.#reader.end()
    const { sha256: manifestSha256, blocks, zeroBlocks } = this.#manifest.finish()
    return {
      capacityBytes: this.#reader.capacityBytes ?? 0,
      streamBytes: this.#streamBytes,
      sha1: this.#sha1.digest('hex'),
      blocks,
      zeroBlocks,
      bytesDecoded: this.#bytesDecoded,
      manifestSha256,
    }
  }

  discard(): void {
    this.#manifest.discard()
  }
}

/** Streams under way in this worker. One that failed is gone, and what still arrives for it is only counted. */
const digests = new Map<number, StreamDigest>()

function answer(message: DecodeAnswer): void {
  parentPort?.postMessage(message)
}

function drop(id: number): void {
  digests.get(id)?.discard()
  digests.delete(id)
}

function handle(request: DecodeRequest): void {
  const { id } = request
  switch (request.kind) {
    case 'open':
      digests.set(id, new StreamDigest(request))
      break
    case 'chunk':
      digests.get(id)?.write(request.chunk)
      answer({ kind: 'consumed', id, bytes: request.chunk.length, positionBytes: digests.get(id)?.positionBytes ?? 0 })
      break
    case 'finish': {
      const result = digests.get(id)?.finish()
      digests.delete(id)
      if (result) answer({ kind: 'finished', id, result })
      break
    }
    case 'close':
      drop(id)
      answer({ kind: 'closed', id })
      break
  }
}

parentPort?.on('message', (request: DecodeRequest) => {
  try {
    handle(request)
  } catch (thrown) {
    drop(request.id)
    const { code, message, hint, statusCode, stack } = toApplianceError(thrown)
    answer({ kind: 'failed', id: request.id, failure: { code, message, hint, statusCode, stack } })
  }
})
