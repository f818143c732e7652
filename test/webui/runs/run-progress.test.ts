import t from 'tap'
import { isActive, kindOf, stagePlace, stages, totals } from '../../../webui/runs/run-progress.ts'
import { disk, run } from '../samples.ts'

const places = (of: Parameters<typeof stagePlace>[0]) => stages.map(stage => stagePlace(of, stage)).join(' ')

t.test('a run stands in one stage, has passed those before, and ends where it failed or was stopped', async t => {
  t.equal(places(run('a', { state: 'converting' })), 'after after now before')
  t.equal(places(run('a', { state: 'succeeded' })), 'after after after after')
  const failure = { code: 'X', message: 'm', hint: 'h', stage: 'converting' } as const
  t.equal(places(run('a', { state: 'failed', failure })), 'after after failed before')
  const steps = [{ kind: 'vmSnapshot', phase: 'proven', at: 'x' }] as const
  t.equal(places(run('a', { state: 'cancelled', steps: [...steps] })), 'after stopped before before')
  t.equal(places(run('a', { state: 'missed' })), 'before before before before')
})

t.test('bytes, rate and time left are those of all disks', async t => {
  const sum = totals(run('a', { disks: [disk(1, 100, 50, 10), disk(2, 100, 100)] }))
  t.match(sum, { readBytes: 150, sizeBytes: 200, bytesPerSecond: 10, secondsLeft: 5 })
  t.equal(totals(run('a')).secondsLeft, undefined, 'without a rate nobody knows')
})

t.test('a state is an icon of its own; what is held up is a warning', async t => {
  t.equal(kindOf(run('a', { state: 'scheduled' })), 'pending')
  t.equal(kindOf(run('a')), 'inProgress')
  t.equal(kindOf(run('a', { state: 'failed' })), 'error')
  t.equal(kindOf(run('a', { state: 'cancelled' })), 'stopped')
  t.equal(kindOf(run('a', { state: 'missed' })), 'warning')
  const failure = { code: 'X', message: 'm', hint: 'h', stage: 'uploading' } as const
  t.equal(kindOf(run('a', { setback: { failure, resumeAt: 'x' } })), 'warning')
  t.ok(isActive(run('a')))
  t.notOk(isActive(run('a', { state: 'failed', endedAt: 'x' })))
})
