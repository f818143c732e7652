// How a run explains that it was stopped short, and whether it goes on.
import t from 'tap'
import type { Failure, Run } from '../../appliance/domain.ts'
import { ApplianceError, type ErrorCode, errorCodes } from '../../appliance/errors.ts'
import {
  cancellation,
  failureOf,
  goesOn,
  interruption,
  mayPass,
  mustLeave,
  outcomeOf,
  resumePause,
} from '../../appliance/replication/failure.ts'
import { readOnly } from '../../appliance/setup/connector-lease.ts'
import { sampleRun } from '../store/samples.ts'

const run = sampleRun(1, { state: 'converting' })
const failed = (code: ErrorCode): Failure => ({ code, message: 'm', hint: 'h', stage: 'uploading' })
const after = (resumptions: number): Run => ({ ...run, resumptions })

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
})

t.test('only what passes by itself is waited for, and reading again has the lower limit', async t => {
  const limits = Object.fromEntries(
    (Object.keys(errorCodes) as ErrorCode[]).flatMap(code => {
      let limit = 0
      while (goesOn(failed(code), after(limit))) limit++
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
    STORE_UNAVAILABLE: 20,
    VCENTER_SESSION_LOST: 20,
    VCENTER_UNREACHABLE: 20,
    SERVER_BUSY: 20,
    NFC_INTERRUPTED: 5,
    NFC_LEASE_LOST: 5,
    NFC_REFUSED: 5,
    NFC_STALLED: 5,
    VMDK_TRUNCATED: 5,
  })
})

t.test('names that every object has are no codes', async t => {
  t.notOk(mayPass({ code: 'constructor' }))
  t.notOk(goesOn({ ...failed('INTERNAL'), code: 'toString' }, after(0)))
})

t.test('pauses double up to 16 times the first: 20 of them bridge two hours', async t => {
  t.same(
    [0, 1, 2, 3, 4, 5, 20].map(resumptions => resumePause(resumptions, 30_000) / 1000),
    [30, 60, 120, 240, 480, 480, 480],
  )
  const bridgedMs = Array.from({ length: 20 }, (_, resumptions) => resumePause(resumptions, 30_000))
  t.ok(bridgedMs.reduce((sum, ms) => sum + ms) >= 2 * 3_600_000)
})

t.test('a run whose failure is its cancellation was cancelled', async t => {
  t.equal(outcomeOf(failed('RUN_CANCELLED')), 'cancelled')
  t.equal(outcomeOf(failed('NFC_STALLED')), 'failed')
})
