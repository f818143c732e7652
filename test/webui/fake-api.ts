// An API of memory in place of the browser's fetch, for modules of the page that ask it.
export interface Asked {
  method: string
  path: string
  headers: Record<string, string>
  body: unknown
}

export type Answers = Record<string, (asked: Asked) => { status?: number; body?: unknown } | undefined>

/** Answers by `METHOD /path` without query; what is not there is 404. Returns what was asked, and what ends it. */
export function fakeApi(answers: Answers): { asked: Asked[]; stop(): void } {
  const before = { fetch: globalThis.fetch, document: Object.getOwnPropertyDescriptor(globalThis, 'document') }
  const asked: Asked[] = []
  Object.defineProperty(globalThis, 'document', { value: { hidden: false }, configurable: true })
  globalThis.fetch = (async (path: string, init: RequestInit = {}) => {
    const one: Asked = {
      method: init.method ?? 'GET',
      path,
      headers: { ...(init.headers as Record<string, string>) },
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
    }
    asked.push(one)
    init.signal?.throwIfAborted()
    const answer = answers[`${one.method} ${path.split('?')[0]}`]?.(one)
    const { status = 200, body } = answer ?? { status: 404, body: { code: 'NOT_FOUND', message: 'No', hint: 'None' } }
    return new Response(body === undefined ? null : JSON.stringify(body), { status })
  }) as typeof fetch
  return {
    asked,
    stop() {
      globalThis.fetch = before.fetch
      if (before.document) Object.defineProperty(globalThis, 'document', before.document)
      else Reflect.deleteProperty(globalThis, 'document')
    },
  }
}
