// What a run has made outside of the appliance, and how sure it is of each.
import type { RunView } from '../contract.ts'
import { moment } from '../format.ts'
import { t } from '../locale/en.ts'
import { SimpleTable } from '../ui/simple-table.tsx'
import { State, type StateKind } from '../ui/state.tsx'
import { stepWord } from './run-progress.ts'

type Step = RunView['steps'][number]

const kinds: Record<Step['phase'], StateKind> = { intended: 'pending', effected: 'inProgress', proven: 'success' }

export function RunSteps({ run }: { run: RunView }) {
  const labelOf = (key: number | undefined) => run.disks.find(disk => disk.key === key)?.label
  return (
    <SimpleTable<Step>
      label={t.runs.stepsTable}
      rows={run.steps}
      rowKey={step => `${step.kind} ${step.diskKey}`}
      columns={[
        { title: t.name, cell: step => t.runs.stepOf(t.runs.kinds[step.kind], labelOf(step.diskKey)) },
        {
          title: t.state,
          cell: step => (
            <State
              kind={run.endedAt !== undefined && step.phase !== 'proven' ? 'stopped' : kinds[step.phase]}
              word={stepWord(run, step)}
            />
          ),
        },
        { title: t.runs.at, wideOnly: true, cell: step => moment(step.at, { seconds: true }) },
      ]}
    />
  )
}
