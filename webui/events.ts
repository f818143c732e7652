// The appliance's event stream: followed for as long as the page lives, resumed where it broke off.

export interface ServerEvent {
  id: string
  kind: string
  data: unknown
}

export type StreamState = 'connecting' | 'open' | 'lost'

export interface StreamOptions {
  onEvent: (event: ServerEvent) => void
  onState: (state: StreamState) => void
  signal: AbortSignal
  /** For tests. */
  fetch?: typeof fetch
  pauseMs?: (attempt: number) => number
  silenceMs?: number
}

/** The server says something every 15 s: after three times that the connection is dead, whatever TCP believes. */
const silenceMs = 45_000

/** Doubling from half a second to 15 s, with jitter, so that many pages do not return in step. */
const pauseBefore = (attempt: number) => Math.min(15_000, 500 * 2 ** attempt) * (0.75 + Math.random() / 2)

/** Follows `/api/events` until the signal; never throws. */
export async function followEvents(options: StreamOptions): Promise<void> {
  const { onEvent, onState, signal, pauseMs = pauseBefore } = options
  let lastId: string | undefined
  let attempt = 0
  while (!signal.aborted) {
    onState(attempt === 0 ? 'connecting' : 'lost')
    try {
      await readOnce(
        options,
        lastId,
        () => {
          attempt = 0
          onState('open')
        },
        event => {
          lastId = event.id
          onEvent(event)
        },
      )
    } catch {
      // Whatever broke it, the answer is the same: say so, wait, go on after the last event.
    }
    if (signal.aborted) return
    onState('lost')
    await pause(pauseMs(attempt++), signal)
  }
}

async function readOnce(
  { signal, fetch: get = fetch, silenceMs: limit = silenceMs }: StreamOptions,
  lastId: string | undefined,
  onOpen: () => void,
  onEvent: (event: ServerEvent) => void,
): Promise<void> {
  const dead = new AbortController()
  let timer = setTimeout(() => dead.abort(), limit)
  try {
    const answer = await get('/api/events', {
      headers: {
        accept: 'text/event-stream',
        'x-hoist-background': '1',
        ...(lastId === undefined ? {} : { 'last-event-id': lastId }),
      },
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.any([signal, dead.signal]),
    })
    if (!answer.ok || answer.body === null) throw new Error(`The stream was answered with ${answer.status}`)
    onOpen()
    const parse = eventParser(onEvent)
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      clearTimeout(timer)
      timer = setTimeout(() => dead.abort(), limit)
      parse(value)
    }
  } finally {
    clearTimeout(timer)
    dead.abort()
  }
}

/** Takes text as it comes, and gives whole events. Fields as in the HTML standard, section 9.2. */
export function eventParser(onEvent: (event: ServerEvent) => void): (text: string) => void {
  let rest = ''
  let id = ''
  let kind = ''
  let data: string[] = []
  return text => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw
      if (line === '') {
        if (data.length > 0) onEvent({ id, kind, data: JSON.parse(data.join('\n')) })
        kind = ''
        data = []
      } else if (line.startsWith('id:')) id = line.slice(3).trimStart()
      else if (line.startsWith('event:')) kind = line.slice(6).trimStart()
      else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms)
    const goOn = () => {
      clearTimeout(timer)
      resolve()
    }
    signal.addEventListener('abort', goOn, { once: true })
    // Whoever comes back to the network wants to see what is, not what was.
    globalThis.addEventListener?.('online', goOn, { once: true, signal })
  })
}
