// An API of memory in place of the browser's fetch, for modules of the page that ask it.
export interface Asked {
  method: string
  path: string
  headers: Record<string, string>
  body: unknown
}

export type Answers = Record<string, (asked: Asked) => { status?: number; body?: unknown } | undefined>

/**
 * Answers by `METHOD /path` without query; what is not there is 404. Files that are uploaded are asked with their `Blob` as the
 * body, and are sent in two halves. Returns what was asked, and what ends it.
 */
export function fakeApi(answers: Answers): { asked: Asked[]; stop(): void } {
  const before = { fetch: globalThis.fetch, document: Object.getOwnPropertyDescriptor(globalThis, 'document') }
  const asked: Asked[] = []
  const answerTo = (one: Asked, signal?: AbortSignal | null) => {
    asked.push(one)
    signal?.throwIfAborted()
    const answer = answers[`${one.method} ${one.path.split('?')[0]}`]?.(one)
    const { status = 200, body } = answer ?? { status: 404, body: { code: 'NOT_FOUND', message: 'No', hint: 'None' } }
    return { status, text: body === undefined ? null : JSON.stringify(body) }
  }
  Object.assign(globalThis, { XMLHttpRequest: fakeUploads(answerTo) })
  Object.defineProperty(globalThis, 'document', { value: { hidden: false }, configurable: true })
  globalThis.fetch = (async (path: string, init: RequestInit = {}) => {
    const one: Asked = {
      method: init.method ?? 'GET',
      path,
      headers: { ...(init.headers as Record<string, string>) },
      body: typeof init.body === 'string' ? JSON.parse(init.body) : undefined,
    }
    const { status, text } = answerTo(one, init.signal)
    return new Response(text, { status })
  }) as typeof fetch
  return {
    asked,
    stop() {
      globalThis.fetch = before.fetch
      Reflect.deleteProperty(globalThis, 'XMLHttpRequest')
      if (before.document) Object.defineProperty(globalThis, 'document', before.document)
      else Reflect.deleteProperty(globalThis, 'document')
    },
  }
}

/** As much of XMLHttpRequest as uploads need. */
function fakeUploads(answerTo: (asked: Asked) => { status: number; text: string | null }) {
  return class {
    upload: { onprogress?: (event: { loaded: number }) => void } = {}
    onload?: () => void
    onerror?: () => void
    onabort?: () => void
    onloadend?: () => void
    status = 0
    responseText = ''
    #asked: Asked = { method: '', path: '', headers: {}, body: undefined }
    #ended = false

    open(method: string, path: string): void {
      Object.assign(this.#asked, { method, path })
    }

    setRequestHeader(name: string, value: string): void {
      this.#asked.headers[name] = value
    }

    async send(body: Blob): Promise<void> {
      this.#asked.body = body
      for (const loaded of [Math.floor(body.size / 2), body.size]) {
        await new Promise(setImmediate)
        if (!this.#ended) this.upload.onprogress?.({ loaded })
      }
      await new Promise(setImmediate)
      if (this.#ended) return
      const { status, text } = answerTo(this.#asked)
      Object.assign(this, { status, responseText: text ?? '' })
      // No answer at all.
      this.#end(status === 0 ? this.onerror : this.onload)
    }

    abort(): void {
      if (!this.#ended) this.#end(this.onabort)
    }

    #end(tell?: () => void): void {
      this.#ended = true
      tell?.()
      this.onloadend?.()
    }
  }
}
