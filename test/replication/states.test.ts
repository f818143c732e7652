// The table of states.
import t from 'tap'
import { type RunState, runOutcomes, runStages } from '../../appliance/domain.ts'
import { isOutcome, isStage, transition } from '../../appliance/replication/states.ts'

const all: RunState[] = [...runStages, ...runOutcomes]

t.test('a run goes through its stages in order and ends', async t => {
  t.equal(transition('scheduled', 'uploading'), 'uploading')
  t.equal(transition('uploading', 'converting'), 'converting')
  t.equal(transition('converting', 'creatingImage'), 'creatingImage')
  t.equal(transition('creatingImage', 'succeeded'), 'succeeded')
})

t.test('a stage cannot be left out, repeated or gone back to', async t => {
  for (const [index, from] of runStages.entries()) {
    for (const [next, to] of runStages.entries()) {
      if (next === index + 1) continue
      t.throws(() => transition(from, to), { code: 'INTERNAL' }, `${from} to ${to}`)
    }
  }
})

t.test('nothing follows an outcome', async t => {
  for (const from of runOutcomes) for (const to of all) t.throws(() => transition(from, to), { code: 'INTERNAL' })
})

t.test('every stage can fail and be cancelled, and only a run that has not begun can be missed', async t => {
  for (const stage of runStages) {
    t.equal(transition(stage, 'failed'), 'failed')
    t.equal(transition(stage, 'cancelled'), 'cancelled')
  }
  t.equal(transition('scheduled', 'missed'), 'missed')
  t.throws(() => transition('uploading', 'missed'))
})

t.test('a state is a stage or an outcome, never both', async t => {
  for (const state of all) t.not(isStage(state), isOutcome(state), state)
})
