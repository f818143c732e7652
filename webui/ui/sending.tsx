// How far an upload is.
import { l } from '../locale/en-upload.ts'
import { type Sending, sendingWords } from '../upload.ts'
import { Progress } from './progress.tsx'

export function SendingProgress({ of, label = l.sending }: { of: Sending; label?: string }) {
  const { sentBytes, totalBytes } = of
  const words = sendingWords(of, performance.now())
  // When all is sent nobody knows how long it is checked.
  const known = sentBytes < totalBytes ? { done: sentBytes, total: totalBytes } : {}
  return <Progress label={label} words={words} {...known} />
}
