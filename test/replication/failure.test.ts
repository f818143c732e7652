// How a run explains its end.
import t from 'tap'
import type { Run } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { cancellation, failureOf, interruption } from '../../appliance/replication/failure.ts'

const run = { state: 'converting' } as Run

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
  const abort = new AbortController()
  abort.abort(cancellation())
  t.match(failureOf(new Error('socket hang up'), run, abort.signal), { code: 'RUN_CANCELLED' })
  const stop = new AbortController()
  stop.abort(interruption())
  t.match(failureOf(new Error('aborted'), run, stop.signal), { code: 'RUN_INTERRUPTED' })
})

t.test('an error without a name is INTERNAL', async t => {
  t.match(failureOf(new Error('boom'), run, new AbortController().signal), { code: 'INTERNAL', message: 'boom' })
})
