// Jobs' gauges: the last success of each, looked up once and followed.
import { Registry } from 'prom-client'
import t from 'tap'
import { registerJobGauges } from '../../appliance/metrics/job-gauges.ts'
import { sampleRun } from '../store/samples.ts'
import { samplesOf } from './read-metrics.ts'

type Jobs = { id: string; serverName: string; state: 'active' | 'paused' | 'ended' }[]

function gauges(jobs: () => Jobs, lastSuccessAt: (id: string) => Promise<string | undefined>) {
  const registry = new Registry()
  const { read, ended } = registerJobGauges(registry, {
    async *jobs() {
      yield jobs()
    },
    lastSuccessAt,
  })
  const value = async (name: string) => {
    await read()
    return samplesOf(await registry.metrics(), name)
  }
  return { value, ended }
}
const last = 'hoist_last_success_timestamp_seconds'
const job = (id: string, state: 'active' | 'paused' | 'ended' = 'active') => ({ id, serverName: `of ${id}`, state })

t.test('jobs are counted by state', async t => {
  const { value } = gauges(
    () => [job('a'), job('b', 'ended'), job('c')],
    async () => undefined,
  )
  t.same(await value('hoist_jobs'), ['{state="active"} 2', '{state="paused"} 0', '{state="ended"} 1'])
  t.same(await value(last), [], 'none has succeeded')
})

t.test('the last success is looked up once per job, and follows the runs', async t => {
  const asked: string[] = []
  let jobs = [job('a'), job('b')]
  const { value, ended } = gauges(
    () => jobs,
    async id => {
      asked.push(id)
      return id === 'a' ? '2030-01-01T00:00:00.000Z' : undefined
    },
  )
  t.same(await value(last), ['{job_id="a",server="of a"} 1893456000'])
  ended(sampleRun(1, { jobId: 'b', state: 'succeeded', endedAt: '2030-01-02T00:00:00.000Z' }))
  ended(sampleRun(2, { jobId: 'a', state: 'failed', endedAt: '2030-01-03T00:00:00.000Z' }))
  t.same(await value(last), ['{job_id="a",server="of a"} 1893456000', '{job_id="b",server="of b"} 1893542400'])
  t.same(asked, ['a', 'b'])
  jobs = [job('b')]
  t.same(await value(last), ['{job_id="b",server="of b"} 1893542400'], 'a job that is gone takes its series with it')
})

t.test('a run that succeeds while the store is asked is not overwritten by what the store said', async t => {
  const { value, ended } = gauges(
    () => [job('a')],
    async () => {
      ended(sampleRun(1, { jobId: 'a', state: 'succeeded', endedAt: '2030-01-02T00:00:00.000Z' }))
      return '2030-01-01T00:00:00.000Z'
    },
  )
  t.same(await value(last), ['{job_id="a",server="of a"} 1893542400'])
})

t.test('10,000 jobs are read without holding the event loop', async t => {
  const jobs = Array.from({ length: 10_000 }, (_, index) => job(`job-${index}`))
  const { value } = gauges(
    () => jobs,
    async () => '2030-01-01T00:00:00.000Z',
  )
  let turns = 0
  const counting = setInterval(() => turns++, 0)
  t.equal((await value(last)).length, 10_000)
  clearInterval(counting)
  t.ok(turns > 5, `${turns} other turns`)
})
