// The helper's door: a Unix socket that only root and the service's group may open; one line in, one line out.
import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { ApplianceError } from '../errors.ts'
import type { Answer, Answered } from './dispatch.ts'

export interface LineServerOptions {
  /** In a directory that only root may write. Its group is that of this process. */
  path: string
  answer(line: Buffer): Promise<Answered>
  /** What is done afterwards failed. */
  onFailure(thrown: unknown): void
  /** For a whole line to arrive, milliseconds. */
  lineMs?: number
}

export interface LineServer {
  close(): Promise<void>
}

/** The longest verb is a fifth of it. Bytes. */
export const maxLineBytes = 16 * 1024
const lineMs = 10_000
/** The service and the console: whoever has more open does something else. */
const maxConnections = 16
const lineFeed = 0x0a

export async function serveLines(options: LineServerOptions): Promise<LineServer> {
  const { path } = options
  // Of a helper that was killed.
  await rm(path, { force: true })
  const open = new Set<Socket>()
  // The other side may close its half when it has asked.
  const server = createServer({ allowHalfOpen: true }, socket => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    // Whoever goes away has no use for an answer, nor for an error.
    socket.on('error', () => socket.destroy())
    void serve(socket, options)
  })
  server.maxConnections = maxConnections
  await listen(server, path)
  return {
    async close() {
      const closed = new Promise(resolve => server.close(resolve))
      for (const socket of open) socket.destroy()
      await closed
    },
  }
}

/** The socket is never there with a mode that lets others in: the umask holds while it is made, in the same turn. */
async function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject).once('listening', resolve)
  const umask = process.umask(0o117)
  try {
    server.listen({ path })
  } finally {
    process.umask(umask)
  }
  await promise
  await chmod(path, 0o660)
}

async function serve(socket: Socket, options: LineServerOptions): Promise<void> {
  const line = await readLine(socket, options.lineMs ?? lineMs)
  if (line === undefined) return
  const { answer, afterwards } = line instanceof ApplianceError ? { answer: refusal(line) } : await options.answer(line)
  await sent(socket, `${JSON.stringify(answer)}\n`)
  await afterwards?.().catch(options.onFailure)
}

/** The line, without its end; an error when there is none; undefined when nobody is there any more. */
async function readLine(socket: Socket, withinMs: number): Promise<Buffer | ApplianceError | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | ApplianceError | undefined>()
  const chunks: Buffer[] = []
  let bytes = 0
  const late = setTimeout(() => resolve(invalid('no whole line came in time')), withinMs)
  const onData = (chunk: Buffer) => {
    const end = chunk.indexOf(lineFeed)
    chunks.push(end === -1 ? chunk : chunk.subarray(0, end))
    bytes += end === -1 ? chunk.length : end
    if (bytes > maxLineBytes) resolve(invalid(`the line has more than ${maxLineBytes} bytes`))
    else if (end !== -1)
      resolve(end === chunk.length - 1 ? Buffer.concat(chunks) : invalid('there is more than one line'))
  }
  socket.on('data', onData)
  socket.once('end', () => resolve(invalid('the line has no end')))
  socket.once('close', () => resolve(undefined))
  try {
    return await promise
  } finally {
    clearTimeout(late)
    socket.off('data', onData)
    // What else comes is thrown away, so that the end of the connection is seen.
    socket.resume()
  }
}

/** Resolves when the answer has left, or nobody is there to take it. */
async function sent(socket: Socket, text: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  socket.once('close', () => resolve())
  if (socket.destroyed) return
  socket.end(text, () => resolve())
  await promise
  // Whoever does not close its half holds no place.
  socket.destroySoon()
}

function invalid(why: string): ApplianceError {
  return new ApplianceError('INVALID_REQUEST', `The machine is not asked this way: ${why}.`, {
    hint: 'Send one JSON object in a line, as the table of verbs has it.',
  })
}

function refusal({ code, message, hint }: ApplianceError): Answer {
  return { code, message, hint }
}
