import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { commandPath, ensureTools, lock, run, tools } from './tools.ts'

const labDirectory = import.meta.dirname

t.test('once all tools are there, asking again takes less than a second and says nothing', async t => {
  await ensureTools()
  const started = performance.now()
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(labDirectory, 'tools.ts')])
  t.ok(performance.now() - started < 1000)
  t.equal(stdout + stderr, '')
})

t.test('every tool is a program that starts', async t => {
  for (const path of Object.values(tools)) t.ok(existsSync(path), path)
  t.match(await run(tools.aws, ['--version']), /aws-cli/)
  t.match(await run(tools.govc, ['version']), /govc/)
  t.match(await run(tools.python, ['-c', 'import boto3, pyVmomi, moto; print("all")']), /all/)
})

t.test('every Python package is pinned to one version', async t => {
  const lines = (await readFile(join(labDirectory, 'requirements.txt'), 'utf8')).split('\n')
  for (const line of lines.filter(line => line !== '' && !line.startsWith('#'))) t.match(line, /^[\w.-]+==[\w.]+$/)
})

t.test('an unknown kind of tool is refused', async t => {
  const child = spawn(process.execPath, [join(labDirectory, 'tools.ts'), 'java'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [text] = (await once(child.stderr, 'data')) as [Buffer]
  const [status] = (await once(child, 'close')) as [number]
  t.equal(status, 2)
  t.match(text.toString(), /usage: node test\/lab\/tools\.ts/)
})

t.test('a command that fails is reported with its status and its words', async t => {
  await t.rejects(run('sh', ['-c', 'echo broken >&2; exit 7']), { message: /ended with status 7:\nbroken/ })
  await t.rejects(run('/nowhere/program', []), { code: 'ENOENT' })
})

t.test('a command is found in the folders of root too', async t => {
  t.equal(commandPath('sh')?.endsWith('/sh'), true)
  t.equal(commandPath('no-such-command'), undefined)
})

t.test('a lock is held by one at a time and goes with the process that held it', async t => {
  const path = join(t.testdir(), 'x.lock')
  const holder = `
    import { lock } from ${JSON.stringify(join(labDirectory, 'tools.ts'))}
    const held = await lock(${JSON.stringify(path)}, 'x')
    console.log('held')
    setInterval(() => held, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  let mine: Disposable | undefined
  const waiting = lock(path, 'x').then(held => {
    mine = held
  })
  await new Promise(done => setTimeout(done, 300))
  t.equal(mine, undefined, 'not while the other lives')
  child.kill('SIGKILL')
  await waiting
  t.ok(mine, 'but as soon as it is dead')
  mine?.[Symbol.dispose]()
})
