// A run's state: icon and word.
import type { RunView } from '../contract.ts'
import { moment } from '../format.ts'
import { t } from '../locale/en.ts'
import { State } from '../ui/state.tsx'
import { kindOf } from './run-progress.ts'

export function RunState({ run, long = false }: { run: RunView; long?: boolean }) {
  const word = t.runs.states[run.state]
  return (
    <State
      kind={kindOf(run)}
      word={run.setback && long ? `${word}. ${t.runs.heldUp(moment(run.setback.resumeAt))}` : word}
    />
  )
}
