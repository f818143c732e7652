// A run that cannot go on now: left, held up, or given up and taken back.

import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Run } from '../../appliance/domain.ts'
import { ApplianceError, type ErrorCode } from '../../appliance/errors.ts'
import type { RunContext } from '../../appliance/replication/context.ts'
import { cancellation, interruption } from '../../appliance/replication/failure.ts'
import { giveUp, stopShort } from '../../appliance/replication/give-up.ts'
import { RunJournal } from '../../appliance/replication/journal.ts'
import type { RunRepository } from '../../appliance/store/runs.ts'
import { sampleDisk, sampleJob, sampleRun } from '../store/samples.ts'

const log = pino({ level: 'silent' })
const never = new AbortController().signal
const error = (code: ErrorCode) => new ApplianceError(code, 'it went wrong', { hint: 'look' })
const failure = { code: 'NFC_MANIFEST_MISMATCH', message: 'm', hint: 'h', stage: 'uploading' as const }

const heldUp = (steps: string, times: number) => ({ times, steps, bytes: 0 })

function journalOf(run: Run, store: { fails: boolean } = { fails: false }) {
  const saved: Run[] = []
  const runs = {
    async save(next: Run) {
      if (store.fails) throw error('STORE_UNAVAILABLE')
      saved.push(next)
    },
  } as unknown as RunRepository
  return { journal: new RunJournal(run, runs, () => undefined), saved }
}

async function stopped(thrown: unknown, run: Run, signal = never, store = { fails: false }, stopping = never) {
  const { journal, saved } = journalOf(run, store)
  const over = await stopShort(thrown, { journal, log, resumeMs: 1000, stopping }, signal)
  return { over, run: journal.run, saved }
}

t.test('a failure that passes holds the run up, with what and until when', async t => {
  const before = Date.now()
  const { over, saved } = await stopped(
    error('AWS_UNREACHABLE'),
    sampleRun(1, { state: 'converting', heldUp: heldUp('converting', 2) }),
  )
  t.equal(over, false)
  const setback = { failure: { code: 'AWS_UNREACHABLE', stage: 'converting' } }
  t.match(saved, [{ state: 'converting', setback, heldUp: { times: 3 } }])
  const pauseMs = Date.parse(saved[0]?.setback?.resumeAt ?? '') - before
  t.ok(pauseMs >= 4000 && pauseMs < 5000, `${pauseMs} ms`)
  t.notOk('failure' in (saved[0] ?? {}))
})

t.test('any other failure, and one that came too often, give the run up', async t => {
  const named = await stopped(error('NFC_MANIFEST_MISMATCH'), sampleRun(1, { state: 'uploading' }))
  t.equal(named.over, true)
  t.match(named.saved, [{ state: 'uploading', failure: { code: 'NFC_MANIFEST_MISMATCH' } }])
  const tired = await stopped(
    error('AWS_UNREACHABLE'),
    sampleRun(1, { state: 'uploading', heldUp: heldUp('uploading', 20) }),
  )
  t.match(tired, { over: true, run: { failure: { code: 'AWS_UNREACHABLE' } } })
})

t.test('a cancellation gives the run up; a stop touches and writes nothing', async t => {
  const cancelled = await stopped(new Error('aborted'), sampleRun(1), AbortSignal.abort(cancellation()))
  t.match(cancelled, { over: true, run: { failure: { code: 'RUN_CANCELLED' } } })
  const left = await stopped(error('NFC_MANIFEST_MISMATCH'), sampleRun(1), AbortSignal.abort(interruption()))
  t.match(left, { over: false, saved: [] })
  t.notOk('failure' in left.run)
  const both = await stopped(
    ...([new Error('aborted'), sampleRun(1), AbortSignal.abort(cancellation()), { fails: false }] as const),
    AbortSignal.abort(interruption()),
  )
  t.match(both, { over: false, saved: [] }, 'cancelled while the appliance stops')
  const late = await stopped(error('AWS_UNREACHABLE'), sampleRun(1), AbortSignal.abort(error('DATASTORE_LOW')))
  t.match(late, { over: true, run: { failure: { code: 'DATASTORE_LOW' } } }, 'what ended it does not pass')
})

t.test('when not even that can be stored, it holds in memory', async t => {
  const full = { fails: true }
  t.match(await stopped(error('STORE_UNAVAILABLE'), sampleRun(1), never, full), {
    over: false,
    run: { setback: { failure: { code: 'STORE_UNAVAILABLE' } } },
  })
  t.match(await stopped(error('IMPORT_REFUSED'), sampleRun(1), never, full), {
    over: true,
    run: { failure: { code: 'IMPORT_REFUSED' } },
  })
})

/** A run that has an EBS snapshot, which is deleted, or not, as the test wants. */
function givenUp(t: Test, deletes: () => Promise<unknown>, run: Partial<Run> = {}) {
  const { journal, saved } = journalOf(
    sampleRun(1, {
      state: 'converting',
      failure,
      disks: [sampleDisk(2000, { snapshotId: 'snap-1' })],
      ...run,
    }),
  )
  const stopping = new AbortController()
  const context = {
    ...{ journal, log, job: sampleJob(1), stopping: stopping.signal, manifestDirectory: t.testdir() },
    ownership: { connectorId: 'c', jobId: 'j', runId: 'r', serverId: 's', serverName: 'web01' },
    aws: { call: deletes },
  } as unknown as RunContext
  return { context, saved, stopping, giveUp: () => giveUp(context) }
}

t.test('a run that is given up ends with its failure when what it made is gone', async t => {
  const { saved, giveUp } = givenUp(t, async () => ({}))
  await giveUp()
  t.match(saved.at(-1), { state: 'failed', failure, warnings: [], endedAt: /Z$/ })
  const cancelled = givenUp(t, async () => ({}), { failure: { ...failure, code: 'RUN_CANCELLED' } })
  await cancelled.giveUp()
  t.match(cancelled.saved.at(-1), { state: 'cancelled' })
})

t.test('what cannot be removed now is tried again; what never can is named in a warning', async t => {
  let code: ErrorCode = 'AWS_UNREACHABLE'
  const { saved, giveUp } = givenUp(t, () => Promise.reject(error(code)))
  await giveUp()
  t.same(saved, [], 'it stays in its stage')
  code = 'AWS_PERMISSION_MISSING'
  await giveUp()
  t.match(saved.at(-1), {
    state: 'failed',
    failure,
    warnings: [
      { severity: 'warning', code: 'AWS_PERMISSION_MISSING', message: /Snapshot snap-1 could not be removed/ },
    ],
  })
})

t.test('a stop in the middle of the cleaning ends nothing: it goes on at the next start', async t => {
  const { saved, giveUp, stopping } = givenUp(t, async () => stopping.abort(interruption()))
  await giveUp()
  t.same(saved, [])
})

t.test('a run that has no failure is not given up', async t => {
  const { journal, saved } = journalOf(sampleRun(1))
  await giveUp({ journal } as unknown as RunContext)
  t.same(saved, [])
})
