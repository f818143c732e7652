// The bundle: opened by tar, everything in it, what fails told in its place, names gone when asked.
import { execFileSync } from 'node:child_process'
import { createWriteStream, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import t, { type Test } from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { type BundleParts, type BundleQuery, createBundle } from '../../appliance/support/bundle.ts'

const line = (n: number, text: string) =>
  `${JSON.stringify({ level: 'info', time: `2026-03-01T00:00:0${n}.000Z`, server: 'web01', msg: text })}\n`

function parts(directory: string, changes: Partial<BundleParts> = {}): BundleParts {
  const files = ['hoist-000001.log', 'hoist-000002.log'].map(name => join(directory, name))
  writeFileSync(files[0] ?? '', line(1, 'one of web01') + line(2, 'two'))
  writeFileSync(files[1] ?? '', `${line(3, 'three at 10.9.8.7')}{"half of web01`)
  return {
    logFiles: () => [...files, join(directory, 'gone.log')],
    documents: { versions: async () => ({ version: '1.2.3' }), health: async () => ({ host: 'web01' }) },
    texts: { 'metrics.txt': async () => 'hoist_runs{server="web01"} 1\n' },
    names: () => [{ kind: 'server', name: 'web01' }],
    now: () => new Date('2026-03-01T02:00:00Z'),
    ...changes,
  }
}

async function open(t: Test, given: BundleParts, query: BundleQuery = {}) {
  const directory = t.testdir({})
  const { fileName, content } = createBundle(given, query)
  const path = join(directory, fileName)
  await pipeline(content, createWriteStream(path))
  execFileSync('tar', ['xzf', path], { cwd: directory })
  const folder = join(directory, fileName.replace('.tar.gz', ''))
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => name !== 'logs')
    .sort()
  return { fileName, files: Object.fromEntries(names.map(name => [name, readFileSync(join(folder, name), 'utf8')])) }
}

const logs = t.testdir({})

t.test('logs, documents and texts are in it as they are', async t => {
  const { fileName, files } = await open(t, parts(logs))
  t.equal(fileName, 'hoist-logs-20260301T020000Z.tar.gz')
  t.same(files, {
    'versions.json': '{\n  "version": "1.2.3"\n}\n',
    'health.json': '{\n  "host": "web01"\n}\n',
    'metrics.txt': 'hoist_runs{server="web01"} 1\n',
    'logs/hoist-000001.log': line(1, 'one of web01') + line(2, 'two'),
    'logs/hoist-000002.log': `${line(3, 'three at 10.9.8.7')}{"half of web01\n`,
  })
})

t.test('a span of time leaves files out that have none of it', async t => {
  const span = { from: new Date('2026-03-01T00:00:02Z'), to: new Date('2026-03-01T00:00:02Z') }
  const { files } = await open(t, parts(logs), span)
  t.same(
    Object.keys(files).filter(name => name.startsWith('logs/')),
    ['logs/hoist-000001.log'],
  )
  t.equal(files['logs/hoist-000001.log'], line(2, 'two'))
})

t.test('names and addresses become the same pseudonyms everywhere, fields keep theirs', async t => {
  const { files } = await open(t, parts(logs), { obfuscate: true })
  const text = JSON.stringify(files)
  t.notMatch(text, /web01|10\.9\.8\.7/)
  t.match(files['logs/hoist-000001.log'], /"server":"server-1","msg":"one of server-1"/)
  t.match(files['logs/hoist-000002.log'], /three at ip-1.*\n\{"half of server-1/)
  t.match(files['health.json'], /"host": "server-1"/)
  t.match(files['metrics.txt'], /server="server-1"/)
})

t.test('what cannot be had is told in its place, without words that were not meant for it', async t => {
  const named = new ApplianceError('AWS_UNREACHABLE', 'Away', { hint: 'Look' })
  const { files } = await open(
    t,
    parts(logs, {
      documents: { a: () => Promise.reject(named), b: () => Promise.reject(new Error('secret inside')) },
      texts: { 'c.txt': () => Promise.reject(named) },
    }),
  )
  t.match(JSON.parse(files['a.json'] ?? ''), {
    notAvailable: { code: 'AWS_UNREACHABLE', message: 'Away', hint: 'Look' },
  })
  t.same(JSON.parse(files['b.json'] ?? ''), { notAvailable: { code: 'INTERNAL' } })
  t.match(files['c.txt'], /AWS_UNREACHABLE/)
})

t.test('the log may grow while it is sent', async t => {
  const given = parts(logs)
  const path = given.logFiles() as string[]
  const metrics = async () => {
    writeFileSync(path[0] ?? '', 'later\n'.repeat(1000), { flag: 'a' })
    return ''
  }
  const { files } = await open(t, { ...given, texts: { 'metrics.txt': metrics } })
  t.ok(files['logs/hoist-000001.log']?.startsWith(line(1, 'one of web01')))
})

t.test('large logs are made while they are read', async t => {
  const directory = t.testdir({})
  const path = join(directory, 'hoist-000001.log')
  writeFileSync(path, line(1, 'x'.repeat(1_000)).repeat(9_000))
  const before = process.memoryUsage.rss()
  const { content } = createBundle({ ...parts(logs), logFiles: () => [path] }, { obfuscate: true })
  let bytes = 0
  for await (const piece of content) bytes += (piece as Buffer).length
  t.ok(bytes > 1_000)
  t.ok(process.memoryUsage.rss() - before < 150 * 2 ** 20)
})

t.test('whoever goes away in the middle ends what is asked', async t => {
  const asked = Promise.withResolvers<AbortSignal>()
  const { content } = createBundle(
    parts(logs, {
      documents: {
        slow: signal => {
          asked.resolve(signal)
          return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
        },
      },
    }),
    {},
  )
  content.on('error', () => undefined).resume()
  const signal = await asked.promise
  content.destroy()
  await new Promise(resolve => setTimeout(resolve, 20))
  t.ok(signal.aborted)
})
