// Runs under way: read once, then followed, whatever happens while they are read.
import t from 'tap'
import { type RunFigures, runsUnderWay } from '../../appliance/metrics/runs-under-way.ts'
import { sampleRun } from '../store/samples.ts'

const run = (number: number, state: RunFigures['state'] = 'uploading') => sampleRun(number, { state })

t.test('the store is asked once; what changes is followed from then on', async t => {
  let asked = 0
  const runs = runsUnderWay(async () => {
    asked++
    return [run(1), run(2)]
  })
  const states = async () => (await runs.all()).map(({ id, state }) => `${id} ${state}`).toSorted()
  t.same(await states(), ['run-00001 uploading', 'run-00002 uploading'])
  runs.observe(run(1, 'converting'))
  runs.observe(run(2, 'succeeded'))
  runs.observe(run(3, 'scheduled'))
  t.same(await states(), ['run-00001 converting', 'run-00003 scheduled'])
  t.equal(asked, 1)
})

t.test('a run that changes before the store has answered is as it became', async t => {
  const answer = Promise.withResolvers<RunFigures[]>()
  const runs = runsUnderWay(() => answer.promise)
  runs.observe(run(1, 'failed'))
  const all = runs.all()
  runs.observe(run(2, 'converting'))
  answer.resolve([run(1), run(2), run(3)])
  t.same((await all).map(({ id, state }) => `${id} ${state}`).toSorted(), [
    'run-00002 converting',
    'run-00003 uploading',
  ])
})

t.test('a store that cannot be read is told of, and asked again', async t => {
  let broken = true
  const runs = runsUnderWay(async () => {
    if (broken) throw new Error('away')
    return [run(1), run(2)]
  })
  runs.observe(run(2, 'succeeded'))
  await t.rejects(runs.all(), { message: 'away' })
  broken = false
  t.same(
    (await runs.all()).map(({ id }) => id),
    ['run-00001'],
  )
})
