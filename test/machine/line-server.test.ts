// The socket: who may open it, and what becomes of those who do not keep to a line.
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Answered } from '../../appliance/machine/dispatch.ts'
import { maxLineBytes, serveLines } from '../../appliance/machine/line-server.ts'

async function serve(t: Test, answer: (line: Buffer) => Promise<Answered>, lineMs?: number) {
  // A socket's path has 107 bytes: the directories of tests are too deep.
  const directory = mkdtempSync(join(tmpdir(), 'hoist-line-'))
  const path = join(directory, 'socket')
  const failures: unknown[] = []
  const onFailure = (thrown: unknown) => failures.push(thrown)
  const server = await serveLines({ path, answer, onFailure, ...(lineMs === undefined ? {} : { lineMs }) })
  t.teardown(async () => {
    await server.close()
    rmSync(directory, { recursive: true })
  })
  return { path, failures, server }
}

/** Everything that comes back. */
function send(path: string, bytes: string | Buffer, end = false): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect(path)
  let text = ''
  socket.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  socket.on('error', reject).on('close', () => resolve(text))
  socket.write(bytes)
  if (end) socket.end()
  return promise
}

const echo = async (line: Buffer): Promise<Answered> => ({ answer: { ok: true, version: String(line) } })

t.test('a line is answered by a line, and the connection ends', async t => {
  const { path } = await serve(t, echo)
  t.equal(await send(path, 'a\n'), '{"ok":true,"version":"a"}\n')
  t.equal(await send(path, 'b\n', true), '{"ok":true,"version":"b"}\n', 'the half that asks may be closed')
  t.equal(await send(path, `${'c'.repeat(maxLineBytes)}\n`), `{"ok":true,"version":"${'c'.repeat(maxLineBytes)}"}\n`)
})

t.test('only owner and group may open it, also in the place of one that a killed helper left', async t => {
  const { path, server } = await serve(t, echo)
  t.equal(lstatSync(path).mode & 0o777, 0o660)
  await server.close()
  writeFileSync(path, '')
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  const again = await serveLines({ path, answer: echo, onFailure: () => undefined })
  t.equal(lstatSync(path).mode & 0o777, 0o660)
  t.equal(process.umask(), 0, 'the umask is as it was')
  t.equal(await send(path, 'a\n'), '{"ok":true,"version":"a"}\n')
  await again.close()
  t.notOk(existsSync(path))
})

t.test('too long a line, two lines, half a line and none are refused and never performed', async t => {
  const { path } = await serve(t, async () => {
    t.fail('it was performed')
    return { answer: { ok: true } }
  })
  t.match(await send(path, 'x'.repeat(maxLineBytes + 1)), /INVALID_REQUEST.*more than/)
  t.match(await send(path, `${'x'.repeat(maxLineBytes + 1)}\n`), /INVALID_REQUEST/)
  t.match(await send(path, 'a\nb\n'), /INVALID_REQUEST.*more than one line/)
  t.match(await send(path, 'half', true), /INVALID_REQUEST.*no end/)
  t.match(await send(path, '', true), /INVALID_REQUEST.*no end/)
})

t.test('who does not send a whole line in time is sent away, however busily it trickles', async t => {
  const { path } = await serve(t, echo, 30)
  const trickle = connect(path)
  const timer = setInterval(() => trickle.write('x'), 5)
  let text = ''
  trickle.on('data', chunk => {
    text += chunk
  })
  trickle.on('error', () => undefined) // The other side has gone.
  await new Promise(resolve => trickle.on('close', resolve))
  clearInterval(timer)
  t.match(text, /in time/)
})

t.test('what is to be done afterwards is done after the answer, also when nobody waits for it', async t => {
  const order: string[] = []
  const done = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const asked = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  let times = 0
  const { path, failures } = await serve(t, async () => {
    const mine = times++
    if (mine === 1) {
      asked.resolve()
      await gone.promise
    }
    return {
      answer: { ok: true },
      async afterwards() {
        order.push(`afterwards ${mine}`)
        done[mine]?.resolve()
        throw new Error('afterwards failed')
      },
    }
  })
  t.equal(await send(path, 'a\n'), '{"ok":true}\n')
  await done[0]?.promise
  const impatient = connect(path)
  impatient.write('b\n')
  await asked.promise
  impatient.destroy()
  await new Promise(resolve => impatient.on('close', resolve))
  gone.resolve()
  await done[1]?.promise
  t.same(order, ['afterwards 0', 'afterwards 1'])
  await new Promise(resolve => setImmediate(resolve))
  t.match(failures, [{ message: 'afterwards failed' }, { message: 'afterwards failed' }])
})

t.test('closing ends the connections that are open', async t => {
  const { path, server } = await serve(t, echo)
  const idle = connect(path)
  await new Promise(resolve => idle.on('connect', resolve))
  const closed = new Promise(resolve => idle.on('close', resolve))
  await server.close()
  await closed
  await t.rejects(send(path, 'a\n'), { code: 'ENOENT' })
})
