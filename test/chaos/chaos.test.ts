// A handful of trials, and the checks' own honesty: what they must notice they notice. `npm run chaos` tries everything.
import t from 'tap'
import { chaos, command } from './chaos.ts'
import { awsOrphans, databaseProblems, doubledRuns, imageProblems } from './checks.ts'
import { type FaultKind, faultKinds } from './fault-kinds.ts'
import { planTrial } from './plan.ts'
import { sumUp } from './summary.ts'
import type { Inventory, StoredRun } from './witness.ts'

const seed = 4
/** One of each family; the others are for the command. */
const tried: FaultKind[] = [
  'kill',
  'terminate',
  'blackHole',
  'awsErrors',
  'credentialsExpired',
  'dataDiskFull',
  'datastoreFull',
  'cloned',
  'restored',
]

const run: StoredRun = {
  id: 'run-1',
  jobId: 'job-1',
  serverName: 'srv',
  state: 'succeeded',
  startedAt: '2026-01-01T00:00:00Z',
  endedAt: '2026-01-01T00:10:00Z',
  imageId: 'ami-1',
  imageSnapshotIds: ['snap-1'],
  disks: [{ key: 2000, label: 'Hard disk 1', sizeBytes: 512, snapshotId: 'snap-1' }],
}
const inventory: Inventory = {
  objects: ['bucket/connector/lease.json'],
  uploads: [],
  tasks: [],
  snapshots: [{ id: 'snap-1', state: 'completed', tags: {} }],
  images: [{ id: 'ami-1', state: 'available', tags: { 'hoist:run': 'run-1' }, snapshots: ['snap-1'] }],
}

t.test('what a run that succeeded has made is no orphan, and everything else is', t => {
  t.same(awsOrphans(inventory, [run]), [])
  t.equal(awsOrphans(inventory, [{ ...run, state: 'failed' }]).length, 2)
  t.equal(awsOrphans(inventory, [{ ...run, imageRemovedAt: '2026-01-02T00:00:00Z' }]).length, 2)
  const more = { ...inventory, objects: ['b/runs/x'], uploads: ['b/runs/y'], tasks: ['import-snap-1'] }
  t.same(awsOrphans(more, [run]), [
    'object b/runs/x',
    'unfinished upload b/runs/y',
    'import task import-snap-1 that goes on',
  ])
  t.end()
})

t.test('an image that is gone, incomplete or there twice is noticed', t => {
  const [image] = inventory.images
  const [snapshot] = inventory.snapshots
  if (!image || !snapshot) throw new Error('the sample is empty')
  t.same(imageProblems(inventory, [run]), [])
  t.match(imageProblems({ ...inventory, images: [] }, [run]), [/not there/])
  t.match(
    imageProblems({ ...inventory, snapshots: [{ ...snapshot, state: 'pending' }] }, [run]).join(),
    /snap-1 is not complete/,
  )
  t.match(imageProblems({ ...inventory, images: [image, { ...image, id: 'ami-2' }] }, [run]), [/both of run run-1/])
  t.end()
})

t.test('runs that overlap, or that nobody asked for, are noticed', t => {
  const later = { ...run, id: 'run-2', startedAt: '2026-01-01T00:09:00Z', endedAt: '2026-01-01T00:20:00Z' }
  const ordered = new Map([['job-1', 1]])
  t.match(doubledRuns([run, later], { ordered, clockJumped: false }), [/overlap/])
  t.match(
    doubledRuns([run, { ...later, startedAt: '2026-01-01T00:10:00Z' }], { ordered: new Map(), clockJumped: false }),
    [/2 runs/],
  )
  t.same(doubledRuns([run, { ...later, startedAt: '2026-01-01T00:10:00Z' }], { ordered, clockJumped: false }), [])
  t.end()
})

t.test('a damaged database, a run without an end and a failure without a name are noticed', t => {
  const database = { integrity: ['ok'], brokenReferences: [], jobs: [], runs: [run] }
  t.same(databaseProblems(database), [])
  t.match(databaseProblems({ ...database, integrity: ['row 3 missing from index'] }), [/damaged/])
  const { endedAt: _, ...unended } = run
  t.match(databaseProblems({ ...database, runs: [{ ...unended, state: 'converting' }] }), [/has not ended/])
  const nameless = { ...run, state: 'failed', failure: { code: 'INTERNAL', message: 'undefined is not a function' } }
  t.match(databaseProblems({ ...database, runs: [nameless] }), [/without a name/])
  t.end()
})

t.test('a seed and a number give the same trial again, and as many trials as there are kinds try every kind', t => {
  t.same(planTrial(9, 5, []), planTrial(9, 5, []))
  t.notSame(planTrial(9, 5, []), planTrial(9, 6, []))
  t.same(new Set(faultKinds.map((_, trial) => planTrial(9, trial, []).faults[0]?.kind)), new Set(faultKinds))
  t.equal(command({ seed: 9, trial: 5 }, ['kill']), 'npm run chaos -- --seed 9 --first 5 --trials 1 --only kill')
  t.end()
})

for (const kind of tried) {
  t.test(`replication survives ${kind}: nothing is lost, doubled, wrong or left behind`, async t => {
    const results = await chaos({ trials: 1, seed, only: [kind] })
    const summary = sumUp(seed, results)
    t.match(
      summary,
      { ok: true, trials: 1, bytesWrong: 0, orphans: 0, jobsLost: 0, runsDoubled: 0, problems: 0 },
      `to repeat it: ${command({ seed, trial: 0 }, [kind])}`,
    )
    t.match(summary.faults[kind], { tried: 1, survived: 1 })
    if (!summary.ok) t.comment(JSON.stringify(results, undefined, 1))
  })
}
