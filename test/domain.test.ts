// The values that the domain's types are made of.
import t from 'tap'
import { isStage, type RunState, runOutcomes, runStages } from '../appliance/domain.ts'

t.test('the stages come in the order in which users see them', async t => {
  t.strictSame(runStages, ['scheduled', 'uploading', 'converting', 'creatingImage'])
})

t.test('no state is both a stage and an outcome', async t => {
  const states: RunState[] = [...runStages, ...runOutcomes]
  t.equal(new Set(states).size, states.length)
  t.ok(runStages.every(isStage))
  t.notOk(runOutcomes.some(isStage))
})
