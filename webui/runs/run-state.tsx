// A run's state: icon and word.
import { moment } from '../format.ts'
import type { LiveRun } from '../live.ts'
import { t } from '../locale/en.ts'
import { State } from '../ui/state.tsx'
import { kindOf } from './run-progress.ts'

export function RunState({ run, long = false }: { run: LiveRun; long?: boolean }) {
  const word = t.runs.states[run.state]
  const held = run.setback ? t.runs.heldUp(moment(run.setback.resumeAt)) : run.retrying && t.runs.heldUpTrying
  return <State kind={kindOf(run)} word={held && long ? `${word}. ${held}` : word} />
}
