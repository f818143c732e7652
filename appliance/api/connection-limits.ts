// What strangers may hold of this process: so many connections, and a request only for so long. Descriptors are what runs, the
// database and AWS need, too.
import type { IncomingMessage } from 'node:http'
import type { Routes } from './routes.ts'

export interface ConnectionLimits {
  connections: number
  /** Longest that a body takes, milliseconds. */
  bodyMs: number
}

// hoist.service has 16,384 descriptors. A settings document of the largest size comes in time at 20 KB/s.
const defaultLimits: ConnectionLimits = { connections: 2_000, bodyMs: 60_000 }

const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>()

/**
 * To be called before who asks is looked at: those who were refused, and go on sending a byte a minute, are the ones that it is
 * for. Node's own limit of a request's time would end uploads, too.
 */
export function limitConnections(app: Routes, { connections, bodyMs }: ConnectionLimits = defaultLimits): void {
  app.server.maxConnections = connections
  app.addHook('onRequest', async ({ raw }) => {
    // An injected request is complete, and does not say so.
    if (raw.complete !== false) return
    const end = () => {
      if (!raw.complete) raw.socket.destroy()
    }
    const timer = setTimeout(end, bodyMs).unref()
    timers.set(raw, timer)
    raw.once('close', () => {
      // Closed means answered, too: what is still sent after that holds the connection as before.
      if (raw.complete) clearTimeout(timer)
    })
  })
}

/** For a body that takes its time: its route has limits of its own. */
export function takesItsTime(raw: IncomingMessage): void {
  clearTimeout(timers.get(raw))
}
