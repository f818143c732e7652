// Cuts chunks of any size into the pieces that a parser asks for, one after the other, copying only what straddles two chunks.

/** What comes next in a stream. */
export interface ByteStep {
  /** How many bytes are needed at once. */
  bytes: number
  /**
   * Takes them and says what comes next; undefined: nothing is expected any more. A step with `again` and more bytes has
   * found out that it needs more, and gets the same bytes once more with the rest behind them. Bytes are only valid during the call.
   */
  take: (bytes: Buffer) => ByteStep | undefined
  again?: true
}

export class ByteSteps {
  #step: ByteStep | undefined
  readonly #onTail: (bytes: Buffer) => void
  #skip = 0
  #carry = Buffer.alloc(0)
  #carried = 0
  /** Offset in the stream of the step that is due. */
  offset = 0

  /** `onTail` gets whatever comes after the last step. */
  constructor(first: ByteStep, onTail: (bytes: Buffer) => void) {
    this.#step = first
    this.#onTail = onTail
  }

  /** The step that is due, if the stream stands exactly at its beginning. */
  get atStep(): ByteStep | undefined {
    return this.#carried === 0 && this.#skip === 0 ? this.#step : undefined
  }

  /** Before the next step, this many bytes are of no interest. */
  skip(bytes: number): void {
    this.#skip = bytes
  }

  write(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let at = 0
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at)
        this.#skip -= skipped
        this.offset += skipped
        at += skipped
      } else if (!this.#step) {
        const tail = bytes.subarray(at)
        this.#onTail(tail)
        this.offset += tail.length
        return
      } else if (this.#carried === 0 && bytes.length - at >= this.#step.bytes) {
        const needed = this.#step.bytes
        if (this.#advance(this.#step, bytes.subarray(at, at + needed))) at += needed
      } else {
        at += this.#fillCarry(bytes, at, this.#step.bytes)
        const whole = this.#carried === this.#step.bytes
        if (whole && this.#advance(this.#step, this.#carry.subarray(0, this.#carried))) this.#carried = 0
      }
    }
  }

  /** Returns false if the step has taken nothing, as it needs more. */
  #advance(step: ByteStep, bytes: Buffer): boolean {
    this.#step = step.take(bytes)
    if (this.#step?.again && this.#step.bytes > bytes.length) return false
    this.offset += bytes.length
    return true
  }

  #fillCarry(bytes: Buffer, at: number, needed: number): number {
    if (this.#carry.length < needed) {
      const grown = Buffer.alloc(needed)
      this.#carry.copy(grown, 0, 0, this.#carried)
      this.#carry = grown
    }
    const copied = Math.min(needed - this.#carried, bytes.length - at)
    bytes.copy(this.#carry, this.#carried, at, at + copied)
    this.#carried += copied
    return copied
  }
}
