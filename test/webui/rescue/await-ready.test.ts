import t from 'tap'
import { awaitReady } from '../../../webui/rescue/await-ready.ts'

function answers(...given: (number | Error)[]): { asked: string[]; fetch: typeof fetch } {
  const asked: string[] = []
  return {
    asked,
    fetch: (async (path: string) => {
      asked.push(path)
      const next = given.shift() ?? 503
      if (next instanceof Error) throw next
      return new Response(null, { status: next })
    }) as typeof fetch,
  }
}

t.test('nobody answers, then it is not ready, then it is', async t => {
  const { asked, fetch } = answers(new TypeError('Failed to fetch'), 503, 200)
  t.equal(await awaitReady({ signal: new AbortController().signal, everyMs: 1, fetch }), true)
  t.strictSame(asked, Array(3).fill('/api/health/ready'))
})

t.test('whoever leaves waits no longer', async t => {
  const leaving = new AbortController()
  const { fetch } = answers()
  const waiting = awaitReady({ signal: leaving.signal, everyMs: 60_000, fetch })
  setImmediate(() => leaving.abort())
  t.equal(await waiting, false)
})
