// Server-sent events: what changes, as it changes, resumable by Last-Event-ID.
import { randomUUID } from 'node:crypto'
import { Type } from 'typebox'
import type { Routes } from './routes.ts'
import { errorAnswers, strict } from './schemas/common.ts'

/** A job that is gone is told as `{ id, deleted: true }`. */
export interface ApplianceEvent {
  kind: 'run' | 'catalog' | 'job' | 'health' | 'upgrade'
  /** What changed: replays and slow readers get the newest state of each subject only. */
  subject: string
  data: unknown
}

interface Stored extends ApplianceEvent {
  id: number
}

/** The newest event of each of this many subjects can be replayed. */
const rememberedSubjects = 1000

/** A reader that has not taken this many bytes yet waits for newer states instead of queueing older ones. */
const readerBufferBytes = 256 * 1024

/** Where changes are published and followed. */
export class EventHub {
  #nextId = 1
  readonly #latest = new Map<string, Stored>()
  readonly #followers = new Set<(event: Stored) => void>()
  #returned: () => void = () => undefined
  /** Ids count anew with each start of the appliance: an id of another epoch replays all. */
  readonly epoch = randomUUID().slice(0, 8)

  publish(event: ApplianceEvent): void {
    const stored = { ...event, id: this.#nextId++ }
    const key = `${event.kind} ${event.subject}`
    this.#latest.delete(key)
    this.#latest.set(key, stored)
    for (const oldest of this.#latest.keys()) {
      if (this.#latest.size <= rememberedSubjects) break
      this.#latest.delete(oldest)
    }
    for (const follower of this.#followers) follower(stored)
  }

  /** The newest event of each subject since `lastEventId` (`epoch-number`), oldest first. */
  since(lastEventId: string | undefined): Stored[] {
    const [epoch, number] = (lastEventId ?? '').split('-')
    const after = epoch === this.epoch && /^\d{1,15}$/.test(number ?? '') ? Number(number) : 0
    return [...this.#latest.values()].filter(event => event.id > after)
  }

  /** `act` is called when a reader comes back after its connection broke. */
  onReturn(act: () => void): void {
    this.#returned = act
  }

  returned(): void {
    this.#returned()
  }

  follow(follower: (event: Stored) => void): () => void {
    this.#followers.add(follower)
    return () => this.#followers.delete(follower)
  }
}

/** `GET /api/events`. */
export function eventRoutes(app: Routes, hub: EventHub): void {
  app.get(
    '/api/events',
    {
      // A HEAD of an endless answer would never end.
      exposeHeadRoute: false,
      schema: {
        summary: 'Changes of runs, jobs, the catalog and checks, as server-sent events',
        tags: ['events'],
        headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ maxLength: 64 })) }),
        querystring: Type.Object({}, strict),
        response: {
          200: {
            description: 'Events without an end',
            content: { 'text/event-stream': { schema: Type.String() } },
          },
          ...errorAnswers,
        },
      },
    },
    (request, reply) => {
      reply.hijack()
      const stream = reply.raw
      if (stream.destroyed) return
      stream.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        connection: 'keep-alive',
      })
      const behind = new Map<string, Stored>()
      const send = (event: Stored) => {
        // Behind one, behind all: ids must not go backwards, nor a newer state be followed by an older one.
        if (behind.size > 0 || stream.writableLength > readerBufferBytes) {
          const key = `${event.kind} ${event.subject}`
          behind.delete(key)
          behind.set(key, event)
          return
        }
        stream.write(`id: ${hub.epoch}-${event.id}\nevent: ${event.kind}\ndata: ${JSON.stringify(event.data)}\n\n`)
      }
      stream.write(': connected\n\n')
      const lastEventId = request.headers['last-event-id']
      for (const event of hub.since(typeof lastEventId === 'string' ? lastEventId : undefined)) send(event)
      const unfollow = hub.follow(send)
      if (lastEventId !== undefined) hub.returned()
      stream.on('drain', () => {
        const waiting = [...behind.values()]
        behind.clear()
        for (const event of waiting) send(event)
      })
      // A comment now and then keeps proxies from closing a quiet stream, and finds readers that are gone.
      const heartbeat = setInterval(() => stream.write(': still here\n\n'), 15_000)
      stream.on('close', () => {
        clearInterval(heartbeat)
        unfollow()
      })
    },
  )
}
