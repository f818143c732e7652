// Runs as they are shown.
import t from 'tap'
import type { Run } from '../../appliance/domain.ts'
import { RunRates } from '../../appliance/replication/run-view.ts'
import { sampleJob, sampleServer } from '../store/samples.ts'

const run = (state: Run['state'], readBytes: number) =>
  ({ id: 'r', state, disks: [{ key: 1, sizeBytes: 1_000_000_000, readBytes }] }) as Run

t.test('a disk on its way has a rate and a time left; one that has arrived has neither', async t => {
  const rates = new RunRates()
  rates.observe(run('uploading', 0))
  await new Promise(resolve => setTimeout(resolve, 150))
  rates.observe(run('uploading', 500_000))
  const [disk] = rates.view(run('uploading', 500_000)).disks
  t.ok((disk?.bytesPerSecond ?? 0) > 0)
  t.ok((disk?.secondsLeft ?? 0) > 0)
  rates.observe(run('converting', 1_000_000_000))
  t.notOk('bytesPerSecond' in (rates.view(run('converting', 1_000_000_000)).disks[0] ?? {}))
})

t.test('a run that nobody follows is shown as it is stored, without what only the run itself needs', async t => {
  const stored = run('uploading', 5)
  t.same(new RunRates().view(stored), stored)
  const { server, settings } = { server: sampleServer(1), settings: sampleJob(1).settings }
  t.same(new RunRates().view({ ...stored, server, settings }), stored)
})
