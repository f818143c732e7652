// Gathers a body that comes in small pieces into larger ones, in buffers that take turns: one fills while one is read.

/** A TLS record brings 16 KiB: so many of them make it worth to wake whoever reads. */
const pieceBytes = 256 * 1024

/** Holds what has come and was not taken yet: three buffers, one that is read, one that waits, one that fills. */
export class BodyPieces {
  #filling: Buffer = Buffer.allocUnsafeSlow(pieceBytes)
  #filled = 0
  #taken: Buffer | undefined
  #spare: Buffer | undefined
  /** Those that wait; more than one only if bytes come although they were not wanted. */
  readonly #full: Buffer[] = []

  /** A whole piece waits: ask for no more bytes until the next `take`. */
  get isFull(): boolean {
    return this.#full.length > 0
  }

  /** There is half a piece or more. */
  get isWorthTaking(): boolean {
    return this.isFull || this.#filled * 2 >= pieceBytes
  }

  /** Copies the bytes. Those that come in spite of `isFull` are kept as well, in memory of their own. */
  put(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const count = bytes.copy(this.#filling, this.#filled, at)
      at += count
      this.#filled += count
      if (this.#filled < pieceBytes) return
      this.#full.push(this.#filling)
      this.#fillAnother()
    }
  }

  /** What has come, in order, and at most 256 KiB of it; undefined if nothing has. Valid until the next call. */
  take(): Buffer | undefined {
    this.#spare ??= this.#taken
    this.#taken = this.#full.shift()
    if (this.#taken !== undefined) return this.#taken
    if (this.#filled === 0) return undefined
    this.#taken = this.#filling
    const piece = this.#taken.subarray(0, this.#filled)
    this.#fillAnother()
    return piece
  }

  #fillAnother(): void {
    this.#filling = this.#spare ?? Buffer.allocUnsafeSlow(pieceBytes)
    this.#spare = undefined
    this.#filled = 0
  }
}
