// What is published, read for what it proves.
import t from 'tap'
import { recoveryWatch } from '../../appliance/health/recovery.ts'

const run = (changes: object) => ({ kind: 'run', data: { id: 'r', state: 'uploading', ...changes } })

t.test('a run that succeeds proves both sides, an import of the catalog vCenter', async t => {
  const watch = recoveryWatch()
  t.strictSame(watch(run({ state: 'succeeded', endedAt: 'now' })), ['network', 'vcenter', 'aws'])
  t.strictSame(watch({ kind: 'catalog', data: { state: 'ready' } }), ['network', 'vcenter'])
  t.strictSame(watch({ kind: 'catalog', data: { state: 'failed' } }), [])
  t.strictSame(watch({ kind: 'health', data: { id: 'dns' } }), [])
})

t.test('a run that was held up and tries again is reason to ask, once; progress and failures are none', async t => {
  const watch = recoveryWatch()
  t.strictSame(watch(run({})), [])
  t.strictSame(watch(run({ setback: { resumeAt: 'soon' } })), [])
  t.strictSame(watch(run({})), ['network', 'vcenter', 'aws'])
  t.strictSame(watch(run({})), [])
  watch(run({ setback: { resumeAt: 'soon' } }))
  t.strictSame(watch(run({ state: 'failed', endedAt: 'now' })), [])
})
