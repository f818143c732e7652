// The log's files: bounded, private, each line there as soon as it is written, nothing renamed.
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import t from 'tap'
import { createLogger } from '../appliance/log.ts'
import { logDirectory, logFiles, openLogFile } from '../appliance/log-file.ts'

const small = { fileBytes: 1_000, filesKept: 3 }

t.test('a line is in the file when the call returns; the file is private', async t => {
  const dataDir = t.testdir()
  t.same(logFiles(logDirectory(dataDir)), [])
  const file = openLogFile(dataDir)
  const log = createLogger({ logLevel: 'info' }, file)
  log.info({ password: 'canary', jobId: 'j' }, 'hello')
  const [path = ''] = logFiles(logDirectory(dataDir))
  t.match(JSON.parse(readFileSync(path, 'utf8')), { level: 'info', msg: 'hello', jobId: 'j', password: '[redacted]' })
  t.equal(statSync(path).mode & 0o777, 0o600)
  t.equal(statSync(logDirectory(dataDir)).mode & 0o777, 0o700)
  file.close()
})

t.test('a full file is followed by the next number, and the oldest go', async t => {
  const dataDir = t.testdir()
  const directory = logDirectory(dataDir)
  const file = openLogFile(dataDir, small)
  const lines = Array.from({ length: 100 }, (_, index) => `{"n":${index},"text":"${'x'.repeat(80)}"}\n`)
  for (const line of lines) file.write(line)
  file.close()
  const files = logFiles(directory)
  t.equal(files.length, 3)
  t.ok(files.every(path => statSync(path).size <= 1_100 && (statSync(path).mode & 0o777) === 0o600))
  const kept = files.map(path => readFileSync(path, 'utf8')).join('')
  t.ok(lines.join('').endsWith(kept) && kept.startsWith('{"n"'), 'the newest lines, whole, in order')
  t.ok(Number(/\d+/.exec(basename(files[0] ?? ''))?.[0]) > 3)
})

t.test('the next start goes on in the newest file, and makes it private again', async t => {
  const dataDir = t.testdir({ logs: { 'hoist-000007.log': 'old\n', 'hoist-000006.log': 'older\n', 'other.txt': '' } })
  chmodSync(join(dataDir, 'logs/hoist-000007.log'), 0o644)
  const file = openLogFile(dataDir)
  file.write('new\n')
  file.close()
  t.equal(readFileSync(join(dataDir, 'logs/hoist-000007.log'), 'utf8'), 'old\nnew\n')
  t.equal(statSync(join(dataDir, 'logs/hoist-000007.log')).mode & 0o777, 0o600)
  t.same(
    logFiles(logDirectory(dataDir)).map(path => basename(path)),
    ['hoist-000006.log', 'hoist-000007.log'],
  )
})

t.test('a full disk stops nobody', async t => {
  const directory = t.testdir({ mount: {} })
  const mount = join(directory, 'mount')
  const script = join(directory, 'fill.mts')
  writeFileSync(
    script,
    `import { openLogFile } from ${JSON.stringify(join(import.meta.dirname, '../appliance/log-file.ts'))}
    const file = openLogFile(${JSON.stringify(mount)})
    for (let n = 0; n < 50; n++) file.write('x'.repeat(100_000) + '\\n')
    process.stdout.write('alive')
    process.exit(0)`,
  )
  const inside = `mount -t tmpfs -o size=256k none "$1" && exec "$2" "$3"`
  const { stdout, status, stderr } = spawnSync(
    'unshare',
    ['-Urm', 'sh', '-c', inside, 'sh', mount, process.execPath, script],
    {
      encoding: 'utf8',
    },
  )
  if (/unshare|mount/.test(stderr)) return t.comment('skipped: a file system of its own is not allowed here')
  t.same({ stdout, status }, { stdout: 'alive', status: 0 })
})

t.test('a link in the place of the file is not followed', async t => {
  const dataDir = t.testdir({ elsewhere: 'untouched', logs: {} })
  chmodSync(join(dataDir, 'elsewhere'), 0o644)
  symlinkSync(join(dataDir, 'elsewhere'), join(dataDir, 'logs/hoist-000001.log'))
  const file = openLogFile(dataDir)
  file.write('line\n')
  file.close()
  t.equal(readFileSync(join(dataDir, 'elsewhere'), 'utf8'), 'untouched')
  t.equal(statSync(join(dataDir, 'elsewhere')).mode & 0o777, 0o644)
  t.equal(readFileSync(join(dataDir, 'logs/hoist-000002.log'), 'utf8'), 'line\n')
})

t.test('a directory that cannot be read is told', async t => {
  const dataDir = t.testdir({ logs: 'a file' })
  t.throws(() => logFiles(logDirectory(dataDir)), { code: 'ENOTDIR' })
})
