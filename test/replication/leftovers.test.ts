// Whose a marked thing is: every verdict by a table, and what must never be removed by all there is.
import t from 'tap'
import { type Run, runOutcomes, runStages } from '../../appliance/domain.ts'
import { judge, type Known, leftoverKinds, type Marked, type Verdict } from '../../appliance/replication/leftovers.ts'
import { sampleRun } from '../store/samples.ts'

const failure = { code: 'NFC_STALLED', message: 'm', hint: 'h', stage: 'uploading' as const }
const runs = new Map<string, Run>([
  ...runStages.map(state => [state, sampleRun(1, { state })] as const),
  ...runOutcomes.map(state => [state, sampleRun(1, { state, failure })] as const),
  ['restored', sampleRun(1, { state: 'failed', failure: { ...failure, code: 'DATABASE_RESTORED' } })],
])
const known: Known = { runs, imageIds: new Set(['ami-known']), snapshotIds: new Set(['snap-known']) }

function verdictOn(kind: Marked['kind'], runId: string | undefined, more: Partial<Marked> = {}, others: Marked[] = []) {
  const thing: Marked = { kind, id: 'x', where: 'somewhere', ...(runId ? { runId } : {}), ...more }
  const [found] = judge([thing, ...others], known)
  t.ok(found?.why, 'every verdict has its reason')
  return found?.verdict
}

t.test('what a run works on is in use, whatever it is', async t => {
  for (const kind of leftoverKinds)
    for (const stage of runStages)
      for (const complete of [true, false]) t.equal(verdictOn(kind, stage, { complete }), 'inUse', `${kind} ${stage}`)
})

const ended = [...runOutcomes, 'restored', 'unknown', undefined]

t.test('snapshots of VMs, uploads and objects are of use to a living run only', async t => {
  for (const kind of ['vmSnapshot', 'upload', 'object'] as const)
    for (const runId of ended) t.equal(verdictOn(kind, runId), 'remove', `${kind} ${runId}`)
})

t.test(
  'only the import tasks of runs that were given up are undone: what others make may be a good replica',
  async t => {
    for (const runId of ended) {
      t.equal(verdictOn('importTask', runId, { complete: true }), 'keep')
      const givenUp = runId === 'failed' || runId === 'cancelled'
      t.equal(verdictOn('importTask', runId, { complete: false }), givenUp ? 'remove' : 'keep', `${runId}`)
    }
  },
)

t.test('what AWS is importing for a run that the database does not know stays until it is done', async t => {
  for (const runId of ['unknown', 'restored', 'failed', 'succeeded']) {
    const task = (complete: boolean): Marked => ({ kind: 'importTask', id: 'task', where: 'EC2', runId, complete })
    const foreign = runId === 'unknown' || runId === 'restored'
    for (const kind of ['upload', 'object'] as const) {
      t.equal(verdictOn(kind, runId, {}, [task(false)]), foreign ? 'keep' : 'remove', runId)
      t.equal(verdictOn(kind, runId, {}, [task(true)]), 'remove', runId)
      t.equal(verdictOn(kind, 'unknown', {}, [{ ...task(false), runId: 'another' }]), 'remove')
    }
    t.equal(verdictOn('vmSnapshot', runId, {}, [task(false)]), 'remove')
  }
})

t.test(
  'images: those of runs stay, those of runs that were given up go, whole ones of nobody can be adopted',
  async t => {
    const table: [runId: string | undefined, whole: Verdict, broken: Verdict][] = [
      ['succeeded', 'adopt', 'keep'],
      ['failed', 'remove', 'remove'],
      ['cancelled', 'remove', 'remove'],
      ['missed', 'adopt', 'keep'],
      ['restored', 'adopt', 'keep'],
      ['unknown', 'adopt', 'keep'],
      [undefined, 'adopt', 'keep'],
    ]
    for (const [runId, whole, broken] of table) {
      t.equal(verdictOn('image', runId, { complete: true }), whole, `whole, ${runId}`)
      t.equal(verdictOn('image', runId, { complete: false }), broken, `broken, ${runId}`)
      t.equal(verdictOn('image', runId, { id: 'ami-known', complete: true }), 'keep', `known, ${runId}`)
    }
  },
)

t.test('EBS snapshots: only those of runs that were given up go', async t => {
  const table: [runId: string | undefined, verdict: Verdict][] = [
    ['succeeded', 'keep'],
    ['failed', 'remove'],
    ['cancelled', 'remove'],
    ['missed', 'keep'],
    ['restored', 'keep'],
    ['unknown', 'keep'],
    [undefined, 'keep'],
  ]
  for (const [runId, verdict] of table) {
    for (const complete of [true, false]) t.equal(verdictOn('ebsSnapshot', runId, { complete }), verdict, `${runId}`)
    t.equal(verdictOn('ebsSnapshot', runId, { id: 'snap-known' }), 'keep', `known, ${runId}`)
  }
})

t.test('a snapshot under an image that can be adopted says so', async t => {
  const image: Marked = {
    kind: 'image',
    id: 'ami-1',
    where: 'EC2',
    runId: 'unknown',
    complete: true,
    snapshotIds: ['x'],
  }
  const [found] = judge(
    [{ kind: 'ebsSnapshot', id: 'x', where: 'EC2', runId: 'unknown', complete: true }, image],
    known,
  )
  t.match(found, { verdict: 'keep', why: /adopted stands on it/ })
})

t.test('whatever else is there, nothing in EC2 of a run that the database does not know is removed', async t => {
  for (const runId of ['unknown', 'restored', undefined])
    for (const kind of ['ebsSnapshot', 'image'] as const)
      for (const complete of [true, false, undefined])
        t.not(verdictOn(kind, runId, complete === undefined ? {} : { complete }), 'remove')
  for (const runId of ['unknown', 'restored', undefined])
    for (const complete of [true, false]) t.not(verdictOn('importTask', runId, { complete }), 'remove')
})
