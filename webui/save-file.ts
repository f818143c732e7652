// Hands a file to the browser, to be saved.
import type { NamedFile } from './request.ts'

/** Long enough for a browser that asks where to; the file itself is the browser's by then. */
const keptMs = 60_000

export function saveFile({ blob, name }: NamedFile): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(link.href), keptMs)
}
