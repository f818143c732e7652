// Reads one HTTP/1.1 answer (RFC 9112) from bytes that are pushed in: the status, then the body, in memory that does not grow.

/** What an answer's bytes are handed to. */
export interface ResponseSink {
  /** The final status: those of informational answers (1xx) are passed over. */
  onStatus: (status: number) => void
  /** A piece of the body, only valid during the call. */
  onBody: (bytes: Buffer) => void
}

/** As Node's own client allows for the status line and all headers, and here also for trailers. */
const maxHeadBytes = 16 * 1024
/** Sixteen hexadecimal digits and some extensions, which nobody sends. */
const maxChunkLineBytes = 1024

type State = 'status' | 'header' | 'chunk size' | 'chunk end' | 'trailer' | 'data' | 'until close' | 'complete'

const statusLine = /^HTTP\/1\.[01] ([1-5]\d\d)(?: .*)?$/
/** A name is a token, right before the colon; a value holds no control characters but the tab. */
const headerLine = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/
const chunkLine = /^([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?$/

/**
 * A push parser for the answer to one GET on a connection of its own. Whatever follows a complete answer is ignored.
 * `write` and `end` throw a plain Error that says what is wrong; after that the parser is of no use.
 */
export class ResponseParser {
  readonly #sink: ResponseSink
  #state: State = 'status'
  #status = 0
  /** The beginning of a line whose end has not come yet. */
  #line = ''
  /** Bytes of lines that may still come. */
  #allowance = maxHeadBytes
  /** Bytes of the body, or of the chunk, that are still to come. */
  #left = 0
  #contentLength: number | undefined
  #chunked = false

  constructor(sink: ResponseSink) {
    this.#sink = sink
  }

  /** The whole answer has come. */
  get complete(): boolean {
    return this.#state === 'complete'
  }

  write(bytes: Buffer): void {
    let at = 0
    while (at < bytes.length && this.#state !== 'complete') {
      if (this.#state === 'until close') {
        this.#sink.onBody(at === 0 ? bytes : bytes.subarray(at))
        return
      }
      at += this.#state === 'data' ? this.#takeData(bytes, at) : this.#takeLine(bytes, at)
    }
  }

  /** The connection has ended, which only some answers may end by. */
  end(): void {
    if (this.#state === 'until close') this.#state = 'complete'
    if (this.#state === 'complete') return
    throw new Error(this.#status === 0 ? 'the connection ended before an answer' : 'the connection ended too early')
  }

  #takeData(bytes: Buffer, at: number): number {
    const length = Math.min(this.#left, bytes.length - at)
    this.#left -= length
    this.#sink.onBody(bytes.subarray(at, at + length))
    if (this.#left === 0) {
      this.#state = this.#chunked ? 'chunk end' : 'complete'
      this.#allowance = maxChunkLineBytes
    }
    return length
  }

  #takeLine(bytes: Buffer, at: number): number {
    const end = bytes.indexOf(10, at)
    const length = (end < 0 ? bytes.length : end + 1) - at
    this.#allowance -= length
    if (this.#allowance < 0) throw new Error(`a ${this.#state} is too long`)
    this.#line += bytes.toString('latin1', at, at + length)
    if (end < 0) return length
    const line = this.#line
    this.#line = ''
    if (!line.endsWith('\r\n')) throw new Error(`a ${this.#state} ends without a carriage return`)
    this.#state = this.#next(line.slice(0, -2))
    return length
  }

  #next(line: string): State {
    switch (this.#state) {
      case 'status':
        this.#status = Number(statusLine.exec(line)?.[1])
        // 101 would leave HTTP, which nobody has asked for.
        if (!(this.#status >= 100) || this.#status === 101) throw new Error('the answer is not one of HTTP/1.1')
        return 'header'
      case 'header':
        if (line === '') return this.#headEnd()
        this.#takeHeader(line)
        return 'header'
      case 'chunk size':
        return this.#chunk(line)
      case 'chunk end':
        if (line !== '') throw new Error('a chunk is longer than its size')
        return 'chunk size'
      default:
        // Trailers say nothing that is asked for.
        return line === '' ? 'complete' : 'trailer'
    }
  }

  #takeHeader(line: string): void {
    const [, name, value = ''] = headerLine.exec(line) ?? []
    if (name === undefined) throw new Error('a header is not well formed')
    switch (name.toLowerCase()) {
      case 'content-length': {
        const length = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN
        if (!Number.isSafeInteger(length)) throw new Error('its content-length is no number')
        if (this.#contentLength !== undefined && this.#contentLength !== length)
          throw new Error('it has two different lengths')
        this.#contentLength = length
        break
      }
      case 'transfer-encoding':
        if (value.toLowerCase() !== 'chunked' || this.#chunked)
          throw new Error('its transfer-encoding is not "chunked"')
        this.#chunked = true
        break
    }
  }

  #headEnd(): State {
    if (this.#chunked && this.#contentLength !== undefined) throw new Error('it is chunked and has a length as well')
    if (this.#status < 200) {
      // The allowance goes on: a host that only ever sends informational answers is given up.
      this.#chunked = false
      this.#contentLength = undefined
      return 'status'
    }
    this.#sink.onStatus(this.#status)
    this.#allowance = maxChunkLineBytes
    if (this.#chunked) return 'chunk size'
    if (this.#contentLength === undefined) return 'until close'
    this.#left = this.#contentLength
    return this.#left === 0 ? 'complete' : 'data'
  }

  #chunk(line: string): State {
    const size = Number.parseInt(chunkLine.exec(line)?.[1] ?? '', 16)
    if (!Number.isSafeInteger(size)) throw new Error('the size of a chunk is no number')
    this.#left = size
    this.#allowance = size === 0 ? maxHeadBytes : maxChunkLineBytes
    return size === 0 ? 'trailer' : 'data'
  }
}
