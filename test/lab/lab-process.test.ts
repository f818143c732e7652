import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { LabProcessError, listeningPort, readyLine, startProcess } from './lab-process.ts'

const node = process.execPath

t.test('a program is ready when it has printed its line, and ends when it is stopped', async t => {
  const script = 'console.log(JSON.stringify({ port: 7 })); process.stdin.resume()'
  const running = await startProcess({ name: 'x', program: node, args: ['-e', script] }, readyLine<{ port: number }>)
  t.equal(running.ready.port, 7)
  await running.process.stop()
  t.throws(() => process.kill(running.process.pid, 0), { code: 'ESRCH' })
})

t.test('a program that ends before it is ready is reported with what it said', async t => {
  const start = startProcess(
    { name: 'lab-x', program: node, args: ['-e', 'console.error("no such disk"); process.exit(3)'] },
    readyLine,
  )
  await t.rejects(start, { constructor: LabProcessError, message: /lab-x ended with status 3\nno such disk/ })
})

t.test('a program that is not there is reported', async t => {
  const start = startProcess({ name: 'lab-x', program: '/nowhere/x', args: [] }, readyLine)
  await t.rejects(start, { message: /lab-x .*ENOENT/ })
})

t.test('a program that ends by itself later rejects `died`', async t => {
  const script =
    'console.log("{}"); process.stdin.once("data", () => process.exit(4)).resume(); setTimeout(() => process.exit(4), 100)'
  const running = await startProcess({ name: 'lab-x', program: node, args: ['-e', script] }, readyLine)
  await t.rejects(running.process.died, { message: /lab-x ended with status 4/ })
  await running.process.stop()
})

t.test('an abort ends a program that is not ready yet', async t => {
  const stop = new AbortController()
  const start = startProcess(
    { name: 'lab-x', program: node, args: ['-e', 'process.stdin.resume()'], signal: stop.signal },
    () => {
      stop.abort()
      return undefined
    },
  )
  await t.rejects(start, { message: /lab-x was not ready/ })
})

t.test('the port of a program that tells nobody is found', async t => {
  const script =
    'require("net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port) })'
  await using program = (
    await startProcess({ name: 'x', program: node, args: ['-e', script] }, async ({ stdout, pid }) => {
      const port = await listeningPort(pid)
      return port !== undefined && stdout === `${port}\n` ? port : undefined
    })
  ).process
  t.ok(program.pid)
})

t.test('no program outlives a parent that is killed, whether it watches stdin or not', async t => {
  const parent = `
    import { startProcess, readyLine } from ${JSON.stringify(`${import.meta.dirname}/lab-process.ts`)}
    const ours = 'console.log("{}"); process.stdin.on("end", () => process.exit()).resume()'
    const foreign = 'console.log("{}"); setInterval(() => {}, 1000)'
    const a = await startProcess({ name: 'ours', program: process.execPath, args: ['-e', ours] }, readyLine)
    const b = await startProcess({ name: 'foreign', program: process.execPath, args: ['-e', foreign], foreign: true }, readyLine)
    console.log(JSON.stringify([a.process.pid, b.process.pid]))
    setInterval(() => {}, 1000)`
  const child = spawn(node, ['--input-type=module', '-e', parent], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [text] = (await once(child.stdout, 'data')) as [Buffer]
  const pids = JSON.parse(text.toString()) as number[]
  t.equal(pids.length, 2)
  child.kill('SIGKILL')
  await once(child, 'close')
  const running = async () => {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', pids.join(',')]).catch(() => ({
      stdout: '',
    }))
    return stdout.split('\n').filter(state => state !== '' && !state.startsWith('Z')).length
  }
  for (let tries = 0; tries < 100 && (await running()) > 0; tries++) await sleep(50)
  t.equal(await running(), 0)
})
