// Runs as operators look at them.
import t from 'tap'
import type { Run } from '../../appliance/domain.ts'
import { RunRates } from '../../appliance/replication/run-view.ts'
import type { Runner } from '../../appliance/replication/runner.ts'
import { runService } from '../../appliance/replication/runs.ts'
import type { RunRepository } from '../../appliance/store/runs.ts'
import { sampleRun } from '../store/samples.ts'

const stored = [sampleRun(2, { state: 'uploading' }), sampleRun(1, { state: 'succeeded' })]
const asked: unknown[] = []
const cancelled: string[] = []
const rates = new RunRates()
const service = runService({
  runs: {
    async list(request: object) {
      asked.push(request)
      return { items: stored, next: 'cursor' }
    },
    get: async (id: string) => stored.find(run => run.id === id),
  } as unknown as RunRepository,
  runner: { cancel: async (id: string) => void cancelled.push(id) } as unknown as Runner,
  rates,
})

t.test('runs are shown with their rates, page by page', async t => {
  rates.observe(stored[0] as Run)
  const { items, next } = await service.list({ jobId: 'job-1', limit: 2 })
  t.equal(next, 'cursor')
  t.same(asked, [{ jobId: 'job-1', limit: 2 }])
  t.ok('bytesPerSecond' in (items[0]?.disks[0] ?? {}))
  t.notOk('bytesPerSecond' in (items[1]?.disks[0] ?? {}))
  t.match(await service.get(stored[0]?.id ?? ''), { disks: [{ bytesPerSecond: 0 }, {}] })
})

t.test('an unknown run is NOT_FOUND, and cancelling is left to the runner', async t => {
  await t.rejects(service.get('none'), { code: 'NOT_FOUND', hint: /List/ })
  await service.cancel('run-1')
  t.same(cancelled, ['run-1'])
})
