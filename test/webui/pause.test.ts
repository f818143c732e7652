import t from 'tap'
import { pause } from '../../webui/pause.ts'

t.test('a pause lasts its time', async t => {
  const startedAtMs = performance.now()
  await pause(30, new AbortController().signal)
  t.ok(performance.now() - startedAtMs >= 25)
})

t.test('a signal ends it, and leaves nothing behind', async t => {
  const leaving = new AbortController()
  const paused = pause(3_600_000, leaving.signal)
  leaving.abort()
  await paused
  t.pass('at once')
})
