// How a run explains that it was stopped short, and whether it goes on.
import t from 'tap'
import type { Failure } from '../../appliance/domain.ts'
import { ApplianceError, type ErrorCode, errorCodes } from '../../appliance/errors.ts'
import {
  advanceOf,
  cancellation,
  countHeldUp,
  failureOf,
  goesOn,
  interruption,
  mayPass,
  mustLeave,
  outcomeOf,
  resumePause,
} from '../../appliance/replication/failure.ts'
import { readOnly } from '../../appliance/setup/connector-lease.ts'
import { sampleDisk, sampleRun } from '../store/samples.ts'

const run = sampleRun(1, { state: 'converting' })
const failed = (code: ErrorCode): Failure => ({ code, message: 'm', hint: 'h', stage: 'uploading' })

t.test('a named error keeps its words and gets the stage', async t => {
  const error = new ApplianceError('IMPORT_REFUSED', 'AWS said no', { hint: 'look' })
  t.same(failureOf(error, run, new AbortController().signal), {
    code: 'IMPORT_REFUSED',
    message: 'AWS said no',
    hint: 'look',
    stage: 'converting',
  })
})

t.test('the reason of an abort goes before the error that it caused', async t => {
  t.match(failureOf(new Error('socket hang up'), run, AbortSignal.abort(cancellation())), { code: 'RUN_CANCELLED' })
  t.match(failureOf(new Error('aborted'), run, AbortSignal.abort(interruption())), { code: 'RUN_INTERRUPTED' })
})

t.test('an error without a name is INTERNAL', async t => {
  t.match(failureOf(new Error('boom'), run, new AbortController().signal), { code: 'INTERNAL', message: 'boom' })
})

t.test('a stop, and a connector that may not act, leave everything as it stands; a cancellation does not', async t => {
  t.notOk(mustLeave(new AbortController().signal))
  t.ok(mustLeave(AbortSignal.abort(interruption())))
  for (const reason of ['cloned', 'restored', 'fenced'] as const) t.ok(mustLeave(AbortSignal.abort(readOnly(reason))))
  t.notOk(mustLeave(AbortSignal.abort(cancellation())))
  t.notOk(mustLeave(AbortSignal.abort()))
  t.ok(mustLeave(AbortSignal.abort(cancellation()), AbortSignal.abort(interruption())), 'both at once: it is left')
})

t.test('only what passes by itself is waited for, and reading again has the lower limit', async t => {
  const limits = Object.fromEntries(
    (Object.keys(errorCodes) as ErrorCode[]).flatMap(code => {
      let limit = 0
      while (limit < 1000 && goesOn(failed(code), run, limit + 1)) limit++
      t.equal(mayPass({ code }), limit > 0, code)
      return limit > 0 ? [[code, limit]] : []
    }),
  )
  t.same(limits, {
    AWS_CREDENTIALS_EXPIRED: 20,
    AWS_CLOCK_SKEW: 20,
    AWS_QUOTA_EXCEEDED: 20,
    AWS_THROTTLED: 20,
    AWS_UNREACHABLE: 20,
    STORE_UNAVAILABLE: 1000,
    VCENTER_SESSION_LOST: 20,
    VCENTER_UNREACHABLE: 20,
    SERVER_BUSY: 20,
    NFC_INTERRUPTED: 5,
    NFC_LEASE_LOST: 5,
    NFC_REFUSED: 5,
    NFC_STALLED: 5,
    UPLOAD_FAILED: 5,
    VMDK_TRUNCATED: 5,
    DIGEST_FAILED: 2,
    VCENTER_CERTIFICATE_REFUSED: 2,
    VCENTER_FAULT: 2,
    VCENTER_PROTOCOL: 2,
  })
})

t.test('names that every object has are no codes', async t => {
  t.notOk(mayPass({ code: 'constructor' }))
  t.notOk(goesOn({ ...failed('INTERNAL'), code: 'toString' }, run, 1))
})

t.test('a run whose image stands goes on whatever happens: only its record is missing', async t => {
  const at = '2026-03-01T00:00:00Z'
  const imaged = (phase: 'effected' | 'proven') =>
    sampleRun(1, { state: 'creatingImage', steps: [{ kind: 'image', phase, at }] })
  t.ok(goesOn(failed('INTERNAL'), imaged('proven'), 999))
  t.notOk(goesOn(failed('INTERNAL'), imaged('effected'), 1))
})

t.test('hold-ups are counted anew when the run has come further: in its steps, or in bytes', async t => {
  const at = '2026-03-01T00:00:00Z'
  const bytes = (uploadedBytes: number) => [sampleDisk(2000, { uploadedBytes }), sampleDisk(2001)]
  const uploading = sampleRun(1, {
    ...{ state: 'uploading', disks: bytes(100) },
    steps: [{ kind: 'upload', diskKey: 2000, phase: 'effected', at }],
  })
  const once = countHeldUp(uploading)
  t.same(once, { times: 1, steps: 'uploading upload2000:effected', bytes: 100 })
  const twice = countHeldUp({ ...uploading, heldUp: once })
  t.same(twice, { ...once, times: 2 })
  t.equal(countHeldUp({ ...uploading, heldUp: twice, disks: bytes(50) }).times, 3, 'less than at the first of them')
  t.same(countHeldUp({ ...uploading, heldUp: twice, disks: bytes(101) }), { ...once, times: 1, bytes: 101 })
  t.equal(countHeldUp({ ...uploading, heldUp: twice, state: 'converting' }).times, 1)
  const further = [...uploading.steps, { kind: 'upload' as const, diskKey: 2001, phase: 'intended' as const, at }]
  t.equal(countHeldUp({ ...uploading, heldUp: twice, steps: further }).times, 1)
  t.same(advanceOf(sampleRun(1)), { steps: 'scheduled', bytes: 0 })
})

t.test('pauses double up to 16 times the first: 20 of them bridge two hours', async t => {
  t.same(
    [1, 2, 3, 4, 5, 6, 20].map(times => resumePause(times, 30_000) / 1000),
    [30, 60, 120, 240, 480, 480, 480],
  )
  const bridgedMs = Array.from({ length: 20 }, (_, before) => resumePause(before + 1, 30_000))
  t.ok(bridgedMs.reduce((sum, ms) => sum + ms) >= 2 * 3_600_000)
})

t.test('a run whose failure is its cancellation was cancelled', async t => {
  t.equal(outcomeOf(failed('RUN_CANCELLED')), 'cancelled')
  t.equal(outcomeOf(failed('NFC_STALLED')), 'failed')
})
