// The asking side.
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { machineClient } from '../../appliance/machine/client.ts'
import type { Verb } from '../../appliance/machine/verbs.ts'

const verb: Verb = { verb: 'ssh', enabled: true }

async function helper(t: Test, answer: (socket: Socket, line: string) => void) {
  const directory = mkdtempSync(join(tmpdir(), 'hoist-client-'))
  const path = join(directory, 'socket')
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => undefined) // The client has gone.
    socket.once('data', chunk => answer(socket, String(chunk)))
  })
  await new Promise<void>(resolve => server.listen(path, resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(directory, { recursive: true })
  })
  return machineClient(path)
}

t.test('a verb goes out as one line, and what is answered comes back', async t => {
  const lines: string[] = []
  const client = await helper(t, (socket, line) => {
    lines.push(line)
    socket.end(lines.length === 1 ? '{"ok":true}\n' : '{"ok":true,"version":"1.1.0"}\n')
  })
  t.same(await client.ask(verb), {})
  t.same(await client.ask({ verb: 'upgrade', file: 'a.tar' }), { version: '1.1.0' })
  t.same(lines, [`${JSON.stringify(verb)}\n`, '{"verb":"upgrade","file":"a.tar"}\n'])
})

t.test("a refusal is the helper's own", async t => {
  const client = await helper(t, socket => socket.end('{"code":"RELEASE_NOT_NEWER","message":"Old.","hint":"New."}\n'))
  await t.rejects(client.ask(verb), { code: 'RELEASE_NOT_NEWER', message: 'Old.', hint: 'New.', statusCode: 409 })
})

t.test('no helper, and one that answers nonsense, are unavailable', async t => {
  const unavailable = { code: 'MACHINE_UNAVAILABLE' }
  await t.rejects(machineClient('/no/such/socket', { patienceMs: 0 }).ask(verb), unavailable)
  await t.rejects(machineClient('/no/such/socket').state(), unavailable, 'who only looks is told at once')
  for (const text of ['', 'x', '{}', 'null', '{"code":"NO_SUCH_CODE","message":"","hint":""}', 'x'.repeat(70_000)]) {
    const client = await helper(t, socket => socket.end(text))
    await t.rejects(client.ask(verb), unavailable, text.slice(0, 20))
  }
})

t.test('what is asked for while the helper starts waits for it', async t => {
  const directory = mkdtempSync(join(tmpdir(), 'hoist-client-'))
  const path = join(directory, 'socket')
  const asked = machineClient(path).ask(verb)
  await new Promise(resolve => setTimeout(resolve, 300))
  const server = createServer(socket => socket.once('data', () => socket.end('{"ok":true}\n'))).listen(path)
  t.teardown(() => {
    server.close()
    rmSync(directory, { recursive: true })
  })
  t.same(await asked, {})
})

t.test('whoever asks can give up', async t => {
  const reason = new Error('given up')
  const controller = new AbortController()
  const client = await helper(t, () => controller.abort(reason))
  await t.rejects(client.ask(verb, controller.signal), reason)
})
