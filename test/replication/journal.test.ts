// The journal of a run.
import t from 'tap'
import type { Run } from '../../appliance/domain.ts'
import { RunJournal } from '../../appliance/replication/journal.ts'
import type { RunRepository } from '../../appliance/store/runs.ts'
import { sampleDisk, sampleRun, sampleServer } from '../store/samples.ts'

const run: Run = sampleRun(1, { disks: [sampleDisk(2000, { sizeBytes: 100 })] })

/** A repository that keeps what it was given, slowly, so that overlapping writes would show. */
function memory(fail = () => false) {
  const saved: Run[] = []
  const lazily: Run[] = []
  let writing = 0
  const into = (list: Run[]) => async (next: Run) => {
    t.equal(writing++, 0, 'one write at a time')
    await new Promise(resolve => setImmediate(resolve))
    writing--
    if (fail()) throw new Error('disk full')
    list.push(next)
  }
  const repository = { save: into(saved), saveProgress: into(lazily) } as unknown as RunRepository
  return { saved, lazily, repository }
}

t.test('stages and facts are stored in the order in which they happened', async t => {
  const { saved, repository } = memory()
  const journal = new RunJournal(run, repository, () => undefined)
  await Promise.all([
    journal.enter('uploading'),
    journal.record({ vmSnapshotMoref: 'snapshot-1' }),
    journal.recordDisk(2000, { objectKey: 'k' }),
  ])
  await journal.step('vmSnapshot', 'intended')
  await journal.proveSnapshotRemoved()
  t.match(
    saved.map(({ state, vmSnapshotMoref, disks }) => [state, vmSnapshotMoref, disks[0]?.objectKey]),
    [
      ['uploading', undefined, undefined],
      ['uploading', 'snapshot-1', undefined],
      ['uploading', 'snapshot-1', 'k'],
      ['uploading', 'snapshot-1', 'k'],
      ['uploading', undefined, 'k'],
    ],
  )
  t.equal(journal.phase('vmSnapshot'), 'proven')
  t.notOk('vmSnapshotMoref' in (saved.at(-1) ?? {}))
})

t.test('bytes are told at once and stored rarely', async t => {
  const { saved, lazily, repository } = memory()
  const told: number[] = []
  const journal = new RunJournal(run, repository, seen => told.push(seen.disks[0]?.readBytes ?? -1))
  await journal.enter('uploading')
  for (let bytes = 1; bytes <= 100; bytes++) journal.progressDisk(2000, { readBytes: bytes })
  t.equal(told.at(-1), 100)
  t.equal(saved.length, 1, 'none of them waits for the disk')
  t.ok(lazily.length <= 1, `${lazily.length} writes`)
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

t.test('a step is written with its facts in one write, once for each disk and for the whole server', async t => {
  const { saved, repository } = memory()
  const journal = new RunJournal(run, repository, () => undefined)
  t.equal(journal.phase('image'), undefined)
  await journal.step('image', 'intended')
  await journal.diskStep(2000, 'upload', 'intended', { bucket: 'b', objectKey: 'k' })
  await journal.diskStep(2001, 'upload', 'intended')
  await journal.diskStep(2000, 'upload', 'effected', { uploadId: 'u' })
  await journal.step('image', 'proven', { imageId: 'ami-1' })
  t.equal(saved.length, 5)
  t.match(saved[3]?.disks, [{ bucket: 'b', objectKey: 'k', uploadId: 'u' }])
  t.match(saved[4], {
    imageId: 'ami-1',
    steps: [
      { kind: 'image', phase: 'proven', at: /Z$/ },
      { kind: 'upload', diskKey: 2000, phase: 'effected', at: /Z$/ },
      { kind: 'upload', diskKey: 2001, phase: 'intended', at: /Z$/ },
    ],
  })
  t.equal(saved[4]?.steps.length, 3)
  t.same([journal.phase('upload', 2000), journal.phase('upload', 2001)], ['effected', 'intended'])
  t.equal(journal.phase('upload'), undefined, 'of the server as a whole there is none')
})

t.test('a step out of its order is neither stored nor kept in mind', async t => {
  const { saved, repository } = memory()
  const journal = new RunJournal(run, repository, () => undefined)
  await t.rejects(journal.step('image', 'proven', { imageId: 'ami-1' }), { code: 'INTERNAL' })
  await t.rejects(journal.diskStep(2000, 'import', 'effected'), { code: 'INTERNAL' })
  t.same([saved.length, journal.run], [0, run])
})

t.test('going on counts, and clears what held the run up; an end clears it too', async t => {
  const { saved, repository } = memory()
  const journal = new RunJournal(run, repository, () => undefined)
  const failure = { code: 'VCENTER_UNREACHABLE', message: 'm', hint: 'h', stage: 'scheduled' as const }
  const setback = { failure, resumeAt: '2026-03-01T00:00:00Z' }
  await journal.record({ setback })
  const heldUp = { times: 3, steps: 'scheduled', bytes: 0 }
  await journal.recordGoingOn(heldUp)
  t.match(saved.at(-1), { resumptions: 1 })
  t.notOk(journal.run.heldUp, 'a setback was counted when it came')
  t.notOk('setback' in journal.run)
  await journal.recordGoingOn(heldUp)
  t.match(saved.at(-1), { resumptions: 2, heldUp }, 'a restart is counted here')
  await journal.record({ setback, server: sampleServer(1) })
  await journal.end('cancelled')
  for (const name of ['setback', 'heldUp', 'server']) t.notOk(name in (saved.at(-1) ?? {}), name)
})

t.test('an illegal stage is not stored', async t => {
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
