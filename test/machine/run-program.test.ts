// Programs that run, fail, and do not end.
import t from 'tap'
import {
  exitStatusOf,
  hasTooMuchOutput,
  isMissingProgram,
  maxOutputBytes,
  runProgram,
  standardErrorOf,
} from '../../appliance/machine/run-program.ts'

const signal = new AbortController().signal
const node = (script: string, asked = signal) => runProgram(process.execPath, ['-e', script], asked)

t.test('the output of a program that ends well', async t => {
  t.equal(await node('process.stdout.write("a")'), 'a')
})

t.test('nothing of our environment is handed on, and no shell reads the arguments', async t => {
  process.env.HOIST_CANARY = 'canary'
  t.teardown(() => delete process.env.HOIST_CANARY)
  const given = JSON.parse(await node('process.stdout.write(JSON.stringify(process.env))'))
  t.match(given, { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' })
  for (const name of ['HOIST_CANARY', 'HOME', 'USER', 'PWD']) t.notOk(Object.hasOwn(given, name), name)
  t.equal(await runProgram('/bin/echo', ['$(id)', '`id`', '; id', '*'], signal), '$(id) `id` ; id *\n')
})

t.test('one that fails is an error with its last words; one that is not there, too', async t => {
  const failure = { code: 'MACHINE_FAILED', message: /^node failed: no such unit$/ }
  await t.rejects(node('process.stderr.write("no such unit\\n"); process.exit(3)'), failure)
  await t.rejects(runProgram('/no/such', [], signal), { code: 'MACHINE_FAILED', message: /^such failed: / })
  const long = await node('process.stderr.write("x".repeat(5000)); process.exit(1)').catch(
    (thrown: Error) => thrown.message,
  )
  t.ok(String(long).length < 600)
})

t.test('one that writes too much is ended, and told from others', async t => {
  const written = (bytes: number) => node(`process.stdout.write("x".repeat(${bytes}))`)
  t.equal((await written(maxOutputBytes)).length, maxOutputBytes)
  const thrown = await written(maxOutputBytes + 1).catch((thrown: unknown) => thrown)
  t.match(thrown, { code: 'MACHINE_FAILED' })
  t.ok(hasTooMuchOutput(thrown))
  t.notOk(hasTooMuchOutput(await node('process.exit(1)').catch((thrown: unknown) => thrown)))
})

t.test('what a failure was is told: its status, all that it said, or that there is no such program', async t => {
  const thrownBy = (running: Promise<string>) => running.catch((thrown: unknown) => thrown)
  const failed = await thrownBy(node('process.stderr.write("a\\n".repeat(600)); process.exit(3)'))
  t.same([exitStatusOf(failed), standardErrorOf(failed), isMissingProgram(failed)], [3, 'a\n'.repeat(600), false])
  const missing = await thrownBy(runProgram('/no/such', [], signal))
  t.same([exitStatusOf(missing), standardErrorOf(missing), isMissingProgram(missing)], [undefined, '', true])
  for (const other of [new Error('x'), undefined, await thrownBy(node('process.kill(process.pid, "SIGKILL")'))])
    t.same([exitStatusOf(other), standardErrorOf(other), isMissingProgram(other)], [undefined, '', false])
})

t.test('one that does not end is ended', async t => {
  const reason = new Error('late')
  const controller = new AbortController()
  const running = node('process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)', controller.signal)
  setImmediate(() => controller.abort(reason))
  await t.rejects(running, reason)
})

t.test('one whose output is not wanted is never ended for it, and its last words are kept', async t => {
  const unread = (script: string, asked = signal) =>
    runProgram(process.execPath, ['-e', script], asked, { unread: true })
  const talk = `for (const out of [process.stdout, process.stderr]) out.write("x".repeat(${8 * maxOutputBytes}));`
  t.equal(await unread(talk), '')
  const failed = await unread(`${talk} process.stderr.write("at last\\n"); process.exitCode = 4`).catch(
    (thrown: unknown) => thrown,
  )
  t.match(failed, { code: 'MACHINE_FAILED', message: /at last$/ })
  t.equal(exitStatusOf(failed), 4)
  t.equal(standardErrorOf(failed).length, maxOutputBytes)
  const missing = await runProgram('/no/such', [], signal, { unread: true }).catch((thrown: unknown) => thrown)
  t.ok(isMissingProgram(missing))
  const reason = new Error('late')
  const controller = new AbortController()
  const running = unread('setInterval(() => {}, 1000)', controller.signal)
  controller.abort(reason)
  await t.rejects(running, reason)
})
