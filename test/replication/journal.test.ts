// The journal of a run.
import t from 'tap'
import type { Run } from '../../appliance/domain.ts'
import { RunJournal } from '../../appliance/replication/journal.ts'
import type { RunRepository } from '../../appliance/store/runs.ts'

const run: Run = {
  id: 'r',
  jobId: 'j',
  serverId: 's',
  serverName: 'web01',
  state: 'scheduled',
  createdAt: '2026-01-01T00:00:00Z',
  disks: [{ key: 2000, label: 'Hard disk 1', sizeBytes: 100, readBytes: 0, uploadedBytes: 0, objectDeleted: false }],
  retries: {},
  imageSnapshotIds: [],
  warnings: [],
}

/** A repository that keeps what it was given, slowly, so that overlapping writes would show. */
function memory(fail = () => false) {
  const saved: Run[] = []
  let writing = 0
  const repository = {
    async save(next: Run) {
      t.equal(writing++, 0, 'one write at a time')
      await new Promise(resolve => setImmediate(resolve))
      writing--
      if (fail()) throw new Error('disk full')
      saved.push(next)
    },
  } as RunRepository
  return { saved, repository }
}

t.test('stages and facts are stored in the order in which they happened', async t => {
  const { saved, repository } = memory()
  const journal = new RunJournal(run, repository, () => undefined)
  await Promise.all([
    journal.enter('uploading'),
    journal.record({ vmSnapshotMoref: 'snapshot-1' }),
    journal.recordDisk(2000, { objectKey: 'k' }),
  ])
  await journal.recordSnapshotRemoved()
  t.match(
    saved.map(({ state, vmSnapshotMoref, disks }) => [state, vmSnapshotMoref, disks[0]?.objectKey]),
    [
      ['uploading', undefined, undefined],
      ['uploading', 'snapshot-1', undefined],
      ['uploading', 'snapshot-1', 'k'],
      ['uploading', undefined, 'k'],
    ],
  )
  t.notOk('vmSnapshotMoref' in (saved.at(-1) ?? {}))
})

t.test('bytes are told at once and stored rarely', async t => {
  const { saved, repository } = memory()
  const told: number[] = []
  const journal = new RunJournal(run, repository, seen => told.push(seen.disks[0]?.readBytes ?? -1))
  await journal.enter('uploading')
  for (let bytes = 1; bytes <= 100; bytes++) journal.progressDisk(2000, { readBytes: bytes })
  t.equal(told.at(-1), 100)
  t.ok(saved.length <= 2, `${saved.length} writes`)
  await journal.enter('converting')
  t.equal(saved.at(-1)?.disks[0]?.readBytes, 100, 'the next write carries them')
})

t.test('a store that fails ends the run at its next step', async t => {
  let broken = false
  const { repository } = memory(() => broken)
  const journal = new RunJournal(run, repository, () => undefined)
  await journal.enter('uploading')
  broken = true
  await t.rejects(journal.record({ imageStatus: 'x' }), { message: 'disk full' })
  await t.rejects(journal.enter('converting'), { message: 'disk full' })
})

t.test('a store that fails for a while loses nothing, and the run can still end', async t => {
  let broken = false
  const { saved, repository } = memory(() => broken)
  const journal = new RunJournal(run, repository, () => undefined)
  for (const stage of ['uploading', 'converting', 'creatingImage'] as const) await journal.enter(stage)
  broken = true
  await t.rejects(journal.record({ imageTaskId: 'task' }), { message: 'disk full' })
  await t.rejects(journal.end('succeeded', { imageId: 'ami-1' }), { message: 'disk full' })
  t.match(journal.run, { state: 'creatingImage', endedAt: undefined })
  broken = false
  await journal.end('failed')
  t.match(saved.at(-1), { state: 'failed', imageTaskId: 'task', endedAt: /Z$/ })
})

t.test('an illegal step is not stored', async t => {
  const { saved, repository } = memory()
  const journal = new RunJournal(run, repository, () => undefined)
  await t.rejects(journal.enter('creatingImage'), { code: 'INTERNAL' })
  t.equal(saved.length, 0)
})

t.test('retries are counted by cause, warnings kept, and the end has a time', async t => {
  const { saved, repository } = memory()
  const journal = new RunJournal(run, repository, () => undefined)
  journal.retried('SlowDown')
  journal.retried('SlowDown')
  journal.retried('ECONNRESET')
  await journal.warn({ severity: 'warning', code: 'QUIESCE_FAILED', message: 'm', hint: 'h' })
  const failure = { code: 'X', message: 'm', hint: 'h', stage: 'scheduled' as const }
  await journal.end('failed', { failure })
  t.match(saved.at(-1), {
    state: 'failed',
    endedAt: /Z$/,
    failure,
    retries: { SlowDown: 2, ECONNRESET: 1 },
    warnings: [{ code: 'QUIESCE_FAILED' }],
  })
})
