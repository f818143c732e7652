// Files on their way to the appliance: sent as they are, with how much has left, and an end at any time.
//
// By XMLHttpRequest: no browser tells of a fetch how much of its body it has sent, and streams as bodies need HTTP/2.
import { bytes, duration, rate } from './format.ts'
import { l } from './locale/en-upload.ts'
import { ApiError, headersFor, inOwnSession, type Method, parseAnswer, refusalIn } from './request.ts'

export interface UploadOptions {
  /** Bytes that have left the browser; what is on the way is among them. */
  onProgress: (sentBytes: number) => void
  /** Ends it: nothing more is sent, and its reason is thrown. */
  signal: AbortSignal
}

/** How far an upload is. */
export interface Sending {
  sentBytes: number
  totalBytes: number
  /** When it began, milliseconds of the page's own clock. */
  startedMs: number
}

/** @throws {ApiError} for any answer but 2xx, and for none; the signal's reason */
export async function requestUpload<T>(
  method: Method,
  path: string,
  file: Blob,
  { onProgress, signal }: UploadOptions,
): Promise<T> {
  addEventListener('beforeunload', warn)
  const ended = () => removeEventListener('beforeunload', warn)
  return await inOwnSession(() => {
    signal.throwIfAborted()
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const sending = new XMLHttpRequest()
    const end = () => sending.abort()
    sending.open(method, path)
    for (const [name, value] of Object.entries(headersFor(method, 'application/octet-stream')))
      sending.setRequestHeader(name, value)
    sending.upload.onprogress = ({ loaded }) => onProgress(loaded)
    sending.onload = () => {
      const { status, responseText } = sending
      if (status >= 200 && status < 300) resolve(parseAnswer(responseText) as T)
      else reject(refusalIn(path, status, responseText))
    }
    sending.onerror = () => reject(new ApiError('UPLOAD_BROKEN', l.broken, l.brokenHint, 0))
    sending.onabort = () => reject(signal.reason)
    sending.onloadend = () => signal.removeEventListener('abort', end)
    signal.addEventListener('abort', end, { once: true })
    sending.send(file)
    return promise
  }).finally(ended)
}

/** Whoever closes the window is asked first: of what was sent nothing would be left. */
function warn(event: Event): void {
  event.preventDefault()
}

/** A rate of the first moments would be that of the browser's own buffers. */
const rateAfterMs = 1500

/** `12 MiB of 240 MiB`, `4 MiB/s`, `57 s left`: as much of it as is known. */
export function sendingWords({ sentBytes, totalBytes, startedMs }: Sending, nowMs: number): string[] {
  const words = [l.of(bytes(sentBytes), bytes(totalBytes))]
  const tookMs = nowMs - startedMs
  if (sentBytes >= totalBytes) return [...words, l.checking]
  if (sentBytes === 0 || tookMs < rateAfterMs) return words
  const bytesPerSecond = (sentBytes / tookMs) * 1000
  return [...words, rate(bytesPerSecond), l.left(duration((totalBytes - sentBytes) / bytesPerSecond))]
}
