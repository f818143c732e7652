import t from 'tap'
import { stagesOf } from '../../../webui/upgrade/stages.ts'

const inWords = (phase: Parameters<typeof stagesOf>[0]) => stagesOf(phase).map(({ stage, kind }) => `${stage} ${kind}`)

t.test('what comes before a stage is done, what comes after it is to come', async t => {
  t.strictSame(inWords('handing'), ['handing inProgress', 'preparing pending', 'trying pending'])
  t.strictSame(inWords('preparing'), ['handing success', 'preparing inProgress', 'trying pending'])
  t.strictSame(inWords('trying'), ['handing success', 'preparing success', 'trying inProgress'])
})

t.test('of a release that is put back the trial has failed', async t => {
  t.strictSame(inWords('rolling-back'), [
    ...['handing success', 'preparing success', 'trying error', 'rolling-back inProgress'],
  ])
})
