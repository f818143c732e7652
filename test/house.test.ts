// The house stands as docs/architecture.md draws it; and the rules that say so are proven on planted breaches.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import {
  forbiddenTexts,
  importBreaches,
  importsOf,
  type Source,
  withoutFirstComment,
  withoutTest,
} from './house-rules.ts'

const top = join(import.meta.dirname, '..')
const paths = (pattern: string) => globSync(pattern, { cwd: top }).sort()
const read = (patterns: readonly string[]): Source[] =>
  patterns.flatMap(paths).map(path => ({ path, text: readFileSync(join(top, path), 'utf8') }))

const sources = read(['appliance/**/*.ts', 'webui/**/*.{ts,tsx}', 'packer/**/*.ts', 'ova/**/*.ts']).filter(
  source => !/\.d\.ts$|node_modules|\/dist\//.test(source.path),
)
const labSources = read(['test/lab/**/*.ts']).filter(source => !source.path.endsWith('.test.ts'))

/** Sources whose test has another place, with the reason. */
const testedElsewhere: Record<string, string> = {
  'packer/base.ts':
    "it is made of Debian's packages in a minute: npm run test-ova builds it, and boots what stands on it",
  'webui/dashboard/chart.ts': 'it draws on a canvas: test/journeys/replication.test.ts looks at it',
  'webui/hooks.ts': 'they live in a browser: every journey goes through them',
  'webui/vite.config.ts': 'test/journeys/first-load.test.ts weighs what it builds',
}

t.test('every import goes the one way', async t => {
  t.ok(sources.length > 50 && labSources.length > 10, 'the sources were found')
  t.strictSame(importBreaches([...sources, ...labSources]), [])
})

t.test('every module begins with a line that says what lives there', async t => {
  t.strictSame(withoutFirstComment(sources), [])
})

t.test('every source has its mirrored test', async t => {
  t.strictSame(withoutTest(sources, paths('test/**/*.test.{ts,tsx}'), testedElsewhere), [])
  const known = new Set(sources.map(source => source.path))
  t.strictSame(
    Object.keys(testedElsewhere).filter(path => !known.has(path)),
    [],
    'no exception for a source that is gone',
  )
})

t.test('imports are found in every form', async t => {
  const text = `// The first line.
import a from './static.ts'
import type { B } from './types.ts'
import { c, type D } from './mixed.ts'
import {
  many,
  lines,
} from './many-lines.ts'
import * as all from "./all.ts"
import e, { f } from './both.ts'
import './effect.ts'
export { g } from './re-export.ts'
export type { H } from './re-export-type.ts'
export * from './star.ts'
const i = await import('./dynamic.ts')
type J = import('./type-query.ts').J
const k = import(\`./template.ts\`)
const l = await import(name)
const m = await import(\`./\${name}.ts\`)
const n = new Worker(new URL('./worker.ts', import.meta.url))
const o = createRequire(import.meta.url)
const p = process.getBuiltinModule('node:sqlite')
// import q from './comment.ts'
/** import('./comment.ts') */
const r = 'words from a sentence'
catalog.import(r)
this.#import(r)
interface T { import(): void; import(server: Server): void }
export const s = new URL('./page.html', import.meta.url)
`
  const found = importsOf(text)
  const of = (typeOnly: boolean) =>
    found.filter(entry => entry.typeOnly === typeOnly && entry.specifier !== '?').map(entry => entry.specifier)
  t.strictSame(of(true).sort(), ['./re-export-type.ts', './types.ts'])
  t.strictSame(of(false).sort(), [
    './all.ts',
    './both.ts',
    './dynamic.ts',
    './effect.ts',
    './many-lines.ts',
    './mixed.ts',
    './re-export.ts',
    './star.ts',
    './static.ts',
    './template.ts',
    './type-query.ts',
    './worker.ts',
  ])
  t.equal(found.filter(entry => entry.specifier === '?').length, 4, 'computed ones and other loaders')
})

/** What a planted line in a planted file must be accused of. */
const planted: [path: string, line: string, why: RegExp][] = [
  ['appliance/disk/disk.ts', "import { x } from '../vsphere/soap.ts'", /left never imports right/],
  ['appliance/disk/disk.ts', "import type { X } from '../vsphere/soap.ts'", /left never imports right/],
  ['appliance/disk/disk.ts', "const x = await import('../store/store.ts')", /left never imports right/],
  ['appliance/disk/disk.ts', "new Worker(new URL('../aws/clients.ts', import.meta.url))", /left never imports right/],
  ['appliance/domain.ts', "import { x } from './disk/disk.ts'", /left never imports right/],
  ['appliance/domain.ts', "import { x } from './errors.ts'", /siblings/],
  ['appliance/vsphere/soap.ts', "import { x } from '../aws/clients.ts'", /siblings/],
  ['appliance/store/jobs.ts', "export * from '../vsphere/vim.ts'", /siblings/],
  ['appliance/replication/run.ts', "import type { X } from '../schedule/next-run.ts'", /siblings/],
  ['appliance/catalog/assess.ts', "import { x } from '../api/server.ts'", /left never imports right/],
  ['appliance/api/server.ts', "import { x } from '../app.ts'", /left never imports right/],
  ['appliance/api/server.ts', "import { x } from '../config.ts'", /only the root imports config/],
  ['appliance/aws/clients.ts', "import { x } from '../log.ts'", /only the root imports log/],
  ['appliance/app.ts', "import { x } from './main.ts'", /left never imports right/],
  ['appliance/app.ts', "import { x } from './attic/x.ts'", /attic has no place/],
  ['appliance/attic/x.ts', "import { x } from '../errors.ts'", /attic has no place/],
  ['appliance/app.ts', "import { x } from '../test/site.ts'", /stands alone/],
  ['appliance/app.ts', "import { x } from '../webui/main.tsx'", /stands alone/],
  ['appliance/app.ts', 'const x = await import(name)', /computed/],
  ['appliance/app.ts', "const x = createRequire(import.meta.url)('pg')", /computed/],
  ['appliance/replication/run.ts', "import { S3 } from '@aws-sdk/client-s3'", /belongs to aws/],
  ['appliance/api/jobs.ts', "import type { S3 } from '@aws-sdk/client-s3'", /belongs to aws/],
  ['appliance/vsphere/soap.ts', "import { x } from '@smithy/core'", /belongs to aws/],
  ['appliance/schedule/scheduler.ts', "import { DatabaseSync } from 'node:sqlite'", /belongs to store/],
  ['appliance/aws/clients.ts', "import { SaxesParser } from 'saxes'", /belongs to vsphere/],
  ['appliance/setup/health.ts', "import fastify from 'fastify'", /belongs to api/],
  ['appliance/aws/clients.ts', "import { pino } from 'pino'", /belongs to log/],
  ['webui/main.tsx', "import { x } from '../appliance/api/schemas/jobs.ts'", /types only/],
  ['webui/jobs/list.tsx', "import type { X } from '../../appliance/domain.ts'", /may not take/],
  ['packer/x.ts', "import { x } from '../appliance/upgrade/upgrade.ts'", /may not take/],
  ['appliance/machine/perform.ts', "import { x } from '../upgrade/upgrade.ts'", /siblings/],
  ['appliance/api/server.ts', "import { Header } from 'tar'", /belongs to support and upgrade/],
  ['ova/descriptor.ts', "import { x } from '../appliance/disk/disk.ts'", /may not take/],
  ['test/lab/aws/server.ts', "import { x } from '../../../appliance/aws/clients.ts'", /may not take/],
]

t.test('each planted breach is found, and says why', async t => {
  for (const [path, line, why] of planted) {
    const breaches = importBreaches([{ path, text: `// Planted.\n${line}\n` }])
    t.equal(breaches.length, 1, `${path}: ${line}`)
    t.match(breaches[0], why)
  }
})

t.test('what the rules allow is not accused', async t => {
  const allowed: [string, string][] = [
    ['appliance/errors.ts', "import { x } from 'node:util'"],
    ['appliance/disk/disk.ts', "import { x } from '../errors.ts'"],
    ['appliance/disk/disk.ts', "import { x } from './manifest.ts'"],
    ['appliance/store/migrations/0001-initial.ts', "import { x } from '../database.ts'"],
    ['appliance/store/secrets.ts', "import { x } from '../private-file.ts'"],
    ['appliance/store/database.ts', "import { DatabaseSync } from 'node:sqlite'"],
    ['appliance/aws/clients.ts', "import { S3 } from '@aws-sdk/client-s3'"],
    ['appliance/aws/clients.ts', "import type { Logger } from 'pino'"],
    ['appliance/replication/run.ts', "import { x } from '../vsphere/session.ts'"],
    ['appliance/api/server.ts', "import { x } from '../replication/run.ts'"],
    ['appliance/app.ts', "import { x } from './log.ts'"],
    ['appliance/main.ts', "import { x } from './app.ts'"],
    ['appliance/app.ts', "import packageJson from '../package.json' with { type: 'json' }"],
    ['webui/main.tsx', "import type { X } from '../appliance/api/schemas/jobs.ts'"],
    ['webui/main.tsx', "import { render } from 'preact'"],
    ['ova/descriptor.ts', "import { x } from '../appliance/disk/vmdk-stream-writer.ts'"],
    ['packer/build-release.ts', "import { x } from '../appliance/upgrade/make-release.ts'"],
    ['appliance/machine-helper.ts', "import { x } from './machine/perform.ts'"],
    ['test/lab/lab.ts', "import { x } from '../../appliance/aws/permissions.ts'"],
    ['test/lab/lab.ts', "import { x } from '../site.ts'"],
  ]
  for (const [path, text] of allowed) t.strictSame(importBreaches([{ path, text }]), [], `${path}: ${text}`)
})

t.test('a source without its test is found wherever it stands; one of types alone needs none', async t => {
  const text = '// Words.\nexport const x = 1\n'
  const planted: Source[] = [
    { path: 'appliance/disk/new.ts', text },
    { path: 'appliance/store/migrations/0009-new.ts', text },
    { path: 'appliance/new.ts', text },
    { path: 'webui/ui/table.tsx', text },
    { path: 'webui/ui/rows.ts', text },
    { path: 'ova/new.ts', text },
    { path: 'appliance/tested.ts', text },
    { path: 'appliance/excepted.ts', text },
    {
      path: 'appliance/types.ts',
      text: "// Types.\nimport type { A } from './a.ts'\n/** B. */\nexport interface B {\n  a: A\n}\nexport type C = 'c'\n",
    },
    { path: 'appliance/almost-types.ts', text: '// Types.\nexport type C = string\nexport const c = 1\n' },
  ]
  t.strictSame(withoutTest(planted, ['test/tested.test.ts'], { 'appliance/excepted.ts': 'a reason' }), [
    'appliance/disk/new.ts → test/disk/new.test.ts',
    'appliance/store/migrations/0009-new.ts → test/store/migrations/0009-new.test.ts',
    'appliance/new.ts → test/new.test.ts',
    'webui/ui/rows.ts → test/webui/ui/rows.test.ts',
    'ova/new.ts → test/ova/new.test.ts',
    'appliance/almost-types.ts → test/almost-types.test.ts',
  ])
})

t.test('a module without its first line is found', async t => {
  const texts = [
    '// Words.\n',
    '/* Words. */\n',
    '#!/usr/bin/env node\n// Words.\n',
    "import 'x'\n// Words.\n",
    '\n// Words.\n',
    '',
  ]
  t.strictSame(withoutFirstComment(texts.map((text, index) => ({ path: String(index), text }))), ['3', '4', '5'])
})

t.test('no file of the project holds a private key or names a package mirror', async t => {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: top })
  const files = listed
    .toString()
    .split('\0')
    .filter(path => path !== '' && statSync(join(top, path), { throwIfNoEntry: false })?.isFile())
  t.ok(files.length > 500 && files.includes('package-lock.json'), 'the files were found')
  const all = files.map(path => ({ path, text: readFileSync(join(top, path), 'latin1') }))
  t.strictSame(forbiddenTexts(all), [])
})

t.test('a private key is found however it is written down; words about keys are none', async t => {
  const { privateKey } = generateKeyPairSync('ed25519')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  const words = '-----BEGIN RSA PRIVATE KEY-----'
  const body = pem.split('\n')[1] ?? ''
  const keys: Record<string, string> = {
    'as a file': `comment\n${pem}`,
    'with the line ends of Windows': pem.replaceAll('\n', '\r\n'),
    'of RSA': rsa.export({ type: 'pkcs1', format: 'pem' }) as string,
    'under a passphrase': `${words}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n${body}\n`,
    'as a string': JSON.stringify(pem),
    'as a string in a string': JSON.stringify(JSON.stringify(pem)),
    'line by line': `'${words}\\n' +\n  '${body}\\n'`,
    'as a list of lines': `["${words}",\n "${body}"]`,
  }
  for (const [what, text] of Object.entries(keys))
    t.strictSame(forbiddenTexts([{ path: 'x', text }]), ['x holds a private key'], what)
  for (const text of [
    words,
    `${words}\n\${canary}\n`,
    `${words}\n-----END`,
    `/${words}[\\s\\S]+/`,
    pem.replaceAll('PRIVATE', 'PUBLIC'),
  ])
    t.strictSame(forbiddenTexts([{ path: 'x', text }]), [], text)
})

t.test('a package mirror is found by its name; names for examples and other hosts are none', async t => {
  // Put together here, for this file is looked at, too.
  const host = (...labels: string[]) => labels.join('.')
  const mirrors = [
    host('deb', 'debian', 'org'),
    host('security', 'debian', 'org'),
    host('ftp', 'de', 'debian', 'org'),
    host('snapshot', 'debian', 'org'),
    host('eu', 'archive', 'ubuntu', 'com'),
    host('mirror', 'some-company', 'com'),
    host('debian', 'mirrors', 'university', 'ac', 'uk'),
    host('registry', 'npmjs', 'org'),
    host('files', 'pythonhosted', 'org'),
    host('pypi', 'org'),
    host('proxy', 'golang', 'org'),
    host('static', 'crates', 'io'),
    host('repo1', 'maven', 'org'),
  ]
  for (const name of mirrors)
    t.strictSame(forbiddenTexts([{ path: 'x', text: `deb http://${name}/debian bookworm main` }]), [
      `x names the package mirror ${name}`,
    ])
  for (const name of [
    'www.debian.org',
    'mirror.example',
    'mirror.example.com',
    'github.com',
    'mirrored.ts',
    'security.md',
  ])
    t.strictSame(forbiddenTexts([{ path: 'x', text: `see https://${name}/x` }]), [], name)
})
