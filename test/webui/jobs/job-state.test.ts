import t from 'tap'
import { jobState, lastRuns } from '../../../webui/jobs/job-state.ts'
import { job, run } from '../samples.ts'

const ended = run('r', { state: 'succeeded', endedAt: '2026-01-01T01:00:00.000Z' })

t.test('a job that runs once is done when its run has ended and no other is planned', async t => {
  t.strictSame(jobState(job('j'), ended), { kind: 'success', word: 'Done' })
  t.equal(jobState(job('j'), undefined).word, 'Active', 'it has not run yet')
  t.equal(jobState(job('j'), run('r')).word, 'Active', 'its run is under way')
  t.equal(jobState(job('j', { nextRunAt: '2026-02-01T00:00:00.000Z' }), ended).word, 'Active')
  const again = job('j', { schedule: { startAt: '2026-01-01T00:00:00.000Z', everyHours: 24 } })
  t.equal(jobState(again, ended).word, 'Active')
})

t.test('failures are told, in short in a table; a pause counts more', async t => {
  t.strictSame(jobState(job('j', { failuresInARow: 2 }), ended), { kind: 'warning', word: '2 failed' })
  t.equal(jobState(job('j', { failuresInARow: 2 }), ended, true).word, 'Active, 2 failures in a row')
  t.equal(jobState(job('j', { state: 'paused', failuresInARow: 2 }), ended).kind, 'stopped')
  t.equal(jobState(job('j', { state: 'paused', pausedBecause: 'x' }), ended).kind, 'warning')
  t.equal(jobState(job('j', { state: 'ended' }), ended).word, 'Ended')
})

t.test('the last run of each job is the first of the list', async t => {
  const last = lastRuns([run('new', { jobId: 'a' }), run('other', { jobId: 'b' }), run('old', { jobId: 'a' })])
  t.strictSame(
    [...last].map(([job, { id }]) => [job, id]),
    [
      ['a', 'new'],
      ['b', 'other'],
    ],
  )
})
