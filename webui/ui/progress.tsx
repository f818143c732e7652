// How far something is: a bar and the words beside it.
import { percent } from '../format.ts'

export interface ProgressProps {
  label: string
  /** Both absent: it works, nobody knows how long. */
  done?: number
  total?: number
  words?: readonly (string | undefined)[]
}

export function Progress({ label, done, total, words = [] }: ProgressProps) {
  const known = done !== undefined && total !== undefined
  const at = known ? percent(done, total) : undefined
  const shown = [at === undefined ? undefined : `${at}%`, ...words].filter(word => word !== undefined)
  return (
    <div class={`progress ${known ? '' : 'unknown'}`}>
      <div
        class="track"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={at}
        aria-valuetext={shown.length > 0 ? shown.join(', ') : undefined}
      >
        <div class="done" style={at === undefined ? undefined : { width: `${at}%` }} />
      </div>
      {shown.length > 0 && (
        <div class="words">
          {shown.map(word => (
            <span key={word}>{word}</span>
          ))}
        </div>
      )}
    </div>
  )
}
