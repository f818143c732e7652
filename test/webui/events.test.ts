import t from 'tap'
import { eventParser, followEvents, type ServerEvent, type StreamState } from '../../webui/events.ts'

t.test('events are put together however their text is cut', async t => {
  const text =
    ': connected\n\nid: e-1\nevent: run\ndata: {"a":1}\n\nid: e-2\r\nevent: job\r\ndata: {"b":\r\ndata: 2}\r\n\r\n: still here\n\n'
  for (let size = 1; size < 20; size++) {
    const events: ServerEvent[] = []
    const parse = eventParser(event => events.push(event))
    for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size))
    t.strictSame(events, [
      { id: 'e-1', kind: 'run', data: { a: 1 } },
      { id: 'e-2', kind: 'job', data: { b: 2 } },
    ])
  }
})

t.test('a stream that breaks is asked for again from the last event on', async t => {
  const end = new AbortController()
  const asked: (string | undefined)[] = []
  const states: StreamState[] = []
  const seen: unknown[] = []
  const answers = ['id: e-1\nevent: run\ndata: 1\n\n', undefined, 'id: e-2\nevent: run\ndata: 2\n\n']
  await followEvents({
    signal: end.signal,
    pauseMs: () => 0,
    onState: state => states.push(state),
    onEvent: event => {
      seen.push(event.data)
      if (event.data === 2) end.abort()
    },
    fetch: (async (_path: string, init: RequestInit) => {
      asked.push((init.headers as Record<string, string>)['last-event-id'])
      const body = answers[asked.length - 1]
      return body === undefined ? new Response(null, { status: 503 }) : new Response(body)
    }) as typeof fetch,
  })
  t.strictSame(seen, [1, 2])
  t.strictSame(asked, [undefined, 'e-1', 'e-1'])
  t.ok(states.includes('lost') && states.filter(state => state === 'open').length === 2)
})

t.test('a stream that says nothing for too long is dead', async t => {
  const end = new AbortController()
  let times = 0
  await followEvents({
    signal: end.signal,
    pauseMs: () => 0,
    silenceMs: 5,
    onState: () => undefined,
    onEvent: () => undefined,
    fetch: ((_path: string, init: RequestInit) => {
      if (++times === 3) setTimeout(() => end.abort())
      return new Promise((_resolve, reject) =>
        init.signal?.addEventListener('abort', () => reject(new Error('aborted'))),
      )
    }) as typeof fetch,
  })
  t.equal(times, 3)
})
