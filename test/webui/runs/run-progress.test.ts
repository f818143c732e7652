import t from 'tap'
import {
  isActive,
  kindOf,
  stagePlace,
  stages,
  startingJobs,
  stepWord,
  totals,
  waitsFor,
} from '../../../webui/runs/run-progress.ts'
import { disk, job, run } from '../samples.ts'

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

t.test('while no byte has come it is said what the run waits for', async t => {
  const none = [disk(1, 100, 0), disk(2, 100, 0)]
  const snapshot = { kind: 'vmSnapshot', phase: 'effected', at: 'x' } as const
  t.match(waitsFor(run('a', { disks: none })), /snapshot/)
  t.match(waitsFor(run('a', { disks: none, steps: [{ ...snapshot, phase: 'intended' }] })), /snapshot/)
  t.match(waitsFor(run('a', { disks: none, steps: [snapshot] })), /export/)
  t.equal(waitsFor(run('a', { disks: [disk(1, 100, 0), disk(2, 100, 1)], steps: [snapshot] })), undefined)
  t.equal(waitsFor(run('a', { disks: none, state: 'converting' })), undefined)
})

t.test('what an ended run has not finished is not called made; a snapshot that is left is', async t => {
  const step = (kind: 'import' | 'image' | 'vmSnapshot', phase: 'effected' | 'proven') => ({ kind, phase, at: 'x' })
  const ended = run('a', { state: 'failed', endedAt: 'x' })
  t.equal(stepWord(run('a'), step('import', 'effected')), 'Begun')
  t.equal(stepWord(ended, step('import', 'effected')), 'Not finished')
  t.equal(stepWord(ended, step('import', 'proven')), 'Done')
  t.equal(stepWord(run('a'), step('image', 'effected')), 'Made')
  t.equal(stepWord(ended, step('vmSnapshot', 'effected')), 'Open')
})

t.test('a job that is due is starting, until its run is there', async t => {
  const now = Date.parse('2026-01-01T10:00:00Z')
  const due = job('job-1', { nextRunAt: '2026-01-01T10:00:03.000Z' })
  const names = (...of: Parameters<typeof startingJobs>) => startingJobs(...of).map(({ id }) => id)
  t.strictSame(names([due, job('later', { nextRunAt: '2026-01-01T11:00:00.000Z' }), job('never')], [], now), ['job-1'])
  t.strictSame(names([{ ...due, state: 'paused' }], [], now), [])
  t.strictSame(names([due], [run('a')], now), [])
  t.strictSame(names([due], [run('a', { state: 'succeeded', endedAt: 'x' })], now), ['job-1'], 'an earlier one')
})
