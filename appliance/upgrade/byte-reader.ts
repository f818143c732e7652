// Reads a stream of bytes in pieces of sizes that the reader chooses. Never holds more than one chunk and what is asked for.
import { damaged } from './release-manifest.ts'

/** @throws {ApplianceError} RELEASE_DAMAGED from every method when the stream ends too early, or goes on too long */
export class ByteReader {
  readonly #chunks: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]()
  }

  /** The next bytes, in chunks as they come. */
  async *stream(sizeBytes: number): AsyncGenerator<Buffer> {
    for (let missing = sizeBytes; missing > 0; ) {
      if (this.#rest.length === 0) this.#rest = await this.#next()
      const piece = this.#rest.subarray(0, missing)
      this.#rest = this.#rest.subarray(piece.length)
      missing -= piece.length
      yield piece
    }
  }

  /** The next bytes as one piece: for small ones. */
  async take(sizeBytes: number): Promise<Buffer> {
    return Buffer.concat(await Array.fromAsync(this.stream(sizeBytes)))
  }

  /** Refuses bytes other than these. */
  async expect(bytes: Buffer, what: string): Promise<void> {
    if (!(await this.take(bytes.length)).equals(bytes)) throw damaged(`${what} is not as it must be`)
  }

  /** Refuses whatever follows. */
  async end(): Promise<void> {
    for (let rest = this.#rest; ; ) {
      if (rest.length > 0) throw damaged('something follows after its end')
      const { value, done } = await this.#chunks.next()
      if (done) return
      rest = value
    }
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #next(): Promise<Buffer> {
    for (;;) {
      const { value, done } = await this.#chunks.next()
      if (done) throw damaged('it ends too early')
      if (value.length > 0) return value
    }
  }
}
