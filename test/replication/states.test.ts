// The tables of states and of steps, every pair of each.
import t from 'tap'
import {
  type RunState,
  runOutcomes,
  runStages,
  type StepKind,
  type StepPhase,
  stepKinds,
  stepPhases,
} from '../../appliance/domain.ts'
import { isPast, stepTransition, transition } from '../../appliance/replication/states.ts'

const states: RunState[] = [...runStages, ...runOutcomes]
const phases: (StepPhase | 'none')[] = ['none', ...stepPhases]

/** The pairs that `allows` does not refuse, as `from to`; a refusal is INTERNAL. */
function allowed<From extends string, To extends string>(
  from: readonly From[],
  to: readonly To[],
  change: (from: From, to: To) => To,
): string[] {
  const found: string[] = []
  for (const before of from) {
    for (const after of to) {
      try {
        t.equal(change(before, after), after)
        found.push(`${before} ${after}`)
      } catch (thrown) {
        t.match(thrown, { code: 'INTERNAL', hint: /./ }, `${before} to ${after}`)
      }
    }
  }
  return found
}

t.test('a run goes through its stages in order, ends once, and is missed only before it has begun', async t => {
  t.same(allowed(states, states, transition), [
    'scheduled uploading',
    'scheduled failed',
    'scheduled cancelled',
    'scheduled missed',
    'uploading converting',
    'uploading failed',
    'uploading cancelled',
    'converting creatingImage',
    'converting failed',
    'converting cancelled',
    'creatingImage succeeded',
    'creatingImage failed',
    'creatingImage cancelled',
  ])
})

t.test('a step is intended before it is anything else, and what is proven stays so', async t => {
  const once = [
    'none intended',
    'intended intended',
    'intended effected',
    'intended proven',
    'effected intended',
    'effected effected',
    'effected proven',
  ]
  // Disks that must be frozen anew are read anew.
  const expected: Record<StepKind, string[]> = {
    vmSnapshot: [...once, 'proven intended'],
    upload: [...once, 'proven intended'],
    import: once,
    image: once,
  }
  for (const kind of stepKinds) {
    const found = allowed(phases, stepPhases, (from, to) => stepTransition(kind, from, to))
    t.same(found, expected[kind], kind)
  }
})

t.test('a run has left behind the stages before its own, and all of them when it has ended', async t => {
  for (const [index, state] of runStages.entries()) {
    t.same(
      runStages.map(stage => isPast(state, stage)),
      runStages.map((_, other) => other < index),
    )
  }
  for (const state of runOutcomes) t.ok(runStages.every(stage => isPast(state, stage)))
})
