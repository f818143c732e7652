// Speaks to a qemu on its QMP socket: https://www.qemu.org/docs/master/interop/qmp-spec.html.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

type Answer = { return?: unknown; error?: { class: string; desc: string } }

export class QmpError extends Error {}

/** One connection. Commands are answered in their order. */
export class Qmp {
  readonly #socket: Socket
  readonly #waiting: { done(value: unknown): void; failed(error: Error): void }[] = []

  private constructor(socket: Socket) {
    this.#socket = socket
    const lines = createInterface({ input: socket })
    lines.on('line', line => this.#take(JSON.parse(line)))
    lines.on('error', () => undefined) // the socket's own, once more
    socket.on('error', () => undefined) // `close` follows
    socket.on('close', () => {
      for (const { failed } of this.#waiting.splice(0)) failed(new QmpError('qemu has closed its monitor'))
    })
  }

  /** Tries until qemu has made its socket. */
  static async open(path: string, signal: AbortSignal): Promise<Qmp> {
    for (;;) {
      const socket = connect(path)
      try {
        await once(socket, 'connect', { signal })
        const qmp = new Qmp(socket)
        await qmp.command('qmp_capabilities')
        return qmp
      } catch (error) {
        socket.destroy()
        signal.throwIfAborted()
        if (!(error instanceof Error && 'code' in error)) throw error
        await sleep(50, undefined, { signal })
      }
    }
  }

  /** @throws QmpError with what qemu says */
  async command<T = unknown>(execute: string, args?: Record<string, unknown>): Promise<T> {
    const answer = new Promise((done, failed) => this.#waiting.push({ done, failed }))
    this.#socket.write(`${JSON.stringify({ execute, ...(args ? { arguments: args } : {}) })}\n`)
    return (await answer) as T
  }

  /** A command of the monitor for people. */
  human(line: string): Promise<string> {
    return this.command('human-monitor-command', { 'command-line': line })
  }

  close(): void {
    this.#socket.destroy()
  }

  #take(message: Answer): void {
    // The greeting and events are no answers.
    if (!('return' in message) && !message.error) return
    const next = this.#waiting.shift()
    if (message.error) next?.failed(new QmpError(`${message.error.class}: ${message.error.desc}`))
    else next?.done(message.return)
  }
}
