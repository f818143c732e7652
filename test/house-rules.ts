// The rules of the house as pure functions over sources: who may import whom, and what each source must have.
import { stripTypeScriptTypes } from 'node:module'
import { posix } from 'node:path'

export interface Source {
  /** From the project's top, `appliance/disk/disk.ts`. */
  path: string
  text: string
}

interface Import {
  /** As written, or `?` when it is computed. */
  specifier: string
  typeOnly: boolean
}

/** Rooms of appliance/, from left to right: a room imports what stands to the left of its bar, and itself. */
const bars: readonly (readonly string[])[] = [
  ['domain', 'errors'],
  [
    'private-file',
    'missing-file',
    'make-certificate',
    'every-item',
    'one-at-a-time',
    'service-notify',
    'redirect',
    'own-certificate',
  ],
  ['durable-file', 'local-api'],
  ['config', 'log', 'log-file', 'machine-id', 'web-certificate'],
  ['served-certificate'],
  ['disk'],
  ['vsphere', 'aws', 'store'],
  [
    'catalog',
    'replication',
    'schedule',
    'setup',
    'notify',
    'metrics',
    'accounts',
    'health',
    'support',
    'upgrade',
    'machine',
  ],
  ['api'],
  ['app-backups', 'app-machine', 'app-metrics', 'app-notifications', 'app-runs', 'app-support', 'app-upgrade'],
  ['app', 'rescue', 'reset-password', 'upgrade-database', 'front-door'],
  ['main', 'boot', 'machine-helper', 'console'],
]

/** Leaves that only the composition root may take: whatever else needs them is handed what they give. */
const forRootOnly = new Set(['config', 'log', 'log-file', 'machine-id', 'web-certificate', 'served-certificate'])

/** What webui, packer, ova and the lab may take of the appliance. The lab must stay a stranger to what it tests, but runs it under exactly the documented rights. */
const doors: Readonly<Record<string, { allows: RegExp; typeOnly: boolean }>> = {
  webui: { allows: /^appliance\/api\/schemas\//, typeOnly: true },
  packer: { allows: /^appliance\/upgrade\/make-release\.ts$/, typeOnly: false },
  ova: { allows: /^appliance\/disk\/vmdk-stream-writer\.ts$/, typeOnly: false },
  'test/lab': { allows: /^appliance\/(aws\/permissions|vsphere\/privileges)\.ts$/, typeOnly: false },
}

/** Packages that belong to one room. Types of pino are everybody's: a logger is handed in. */
const owners: readonly { package: RegExp; rooms: readonly string[]; typesAnywhere?: true }[] = [
  { package: /^@(aws-sdk|smithy)\//, rooms: ['aws'] },
  { package: /^node:sqlite$/, rooms: ['store'] },
  { package: /^tar$/, rooms: ['support', 'upgrade'] },
  { package: /^saxes$/, rooms: ['vsphere', 'machine'] },
  { package: /^ssh2$/, rooms: ['vsphere'] },
  { package: /^(fastify$|@fastify\/)/, rooms: ['api', 'app'] },
  { package: /^nodemailer$/, rooms: ['notify'] },
  { package: /^prom-client$/, rooms: ['metrics'] },
  { package: /^pino$/, rooms: ['log', 'log-file'], typesAnywhere: true },
]

/** Every import that breaks a rule, as a sentence. */
export function importBreaches(sources: readonly Source[]): string[] {
  return sources.flatMap(source =>
    importsOf(source.text).flatMap(found => {
      const why = breach(source.path, found)
      return why === undefined ? [] : [`${source.path} imports ${found.specifier}: ${why}`]
    }),
  )
}

/** Sources of appliance, webui and ova whose first line is no comment. */
export function withoutFirstComment(sources: readonly Source[]): string[] {
  return sources.filter(source => !/^(#!.*\n)?(\/\/|\/\*)/.test(source.text)).map(source => source.path)
}

/**
 * Sources without their mirrored test, as `source → test`. A source of types alone has nothing that could be run; a view
 * of the page (`.tsx`) is drawn and used in a real browser by test/journeys; other exceptions are given with their reason.
 */
export function withoutTest(
  sources: readonly Source[],
  testPaths: readonly string[],
  exceptions: Readonly<Record<string, string>>,
): string[] {
  const tests = new Set(testPaths)
  return sources.flatMap(({ path, text }) => {
    const mirror = `test/${path.replace(/^appliance\//, '').replace(/\.(tsx?)$/, '.test.$1')}`
    if (tests.has(mirror) || Object.hasOwn(exceptions, path) || isTypesOnly(path, text) || isView(path)) return []
    return [`${path} → ${mirror}`]
  })
}

/** With its content, as a file has it or as a program's text would: the words alone stand in whatever handles keys. */
const privateKey =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\+[rn]|[\s"'`+,]|[\w-]+: [^\n\\]*(?:\n|\\+n))*[A-Za-z0-9+/]{40}/

/** Hosts that packages are fetched from: which ones is each machine's own setting. Names that are kept for examples are no hosts. */
const mirrors: readonly RegExp[] = [
  /\b(?:[\w-]+\.)*(?:deb|security|ftp\d?|archive|snapshot|httpredir|ports|cdn[\w-]*|mirrors?\d*)\.(?:[\w-]+\.)*(?:debian|ubuntu)\.(?:org|net|com)\b/i,
  /\b(?:[\w-]+\.)*mirrors?\d*\.(?!example\.)(?:[\w-]+\.)+(?:com|net|org|edu|io|cloud|[a-z]{2})\b/i,
  /\b(?:registry\.(?:npmjs|yarnpkg|npmmirror)|pypi|(?:[\w-]+\.)?pythonhosted|(?:proxy|sum)\.golang|goproxy|(?:(?:static|index)\.)?crates|repo\d?\.maven(?:\.apache)?|deb\.nodesource)\.(?:org|com|io|cn)\b/i,
]

/** What no file of the project may hold, as a sentence each: private keys (tests make theirs as they run) and package mirrors. */
export function forbiddenTexts(sources: readonly Source[]): string[] {
  return sources.flatMap(({ path, text }) => {
    const names = mirrors.flatMap(mirror => mirror.exec(text)?.[0] ?? [])
    return [
      ...(privateKey.test(text) ? [`${path} holds a private key`] : []),
      ...names.map(name => `${path} names the package mirror ${name}`),
    ]
  })
}

function breach(path: string, found: Import): string | undefined {
  const { specifier } = found
  if (specifier === '?') return 'a computed import cannot be checked'
  const from = placeOf(path)
  if (!specifier.startsWith('.')) return packageBreach(path, found)
  const target = posix.normalize(posix.join(posix.dirname(path), specifier))
  const to = placeOf(target)
  const door = doors[from.tree]
  if (door) {
    if (to.tree === from.tree || !target.startsWith('appliance/')) return undefined
    if (!door.allows.test(target)) return `${from.tree} may not take this from the appliance`
    return door.typeOnly && !found.typeOnly ? `${from.tree} takes types only` : undefined
  }
  // The version is written down once.
  if (target === 'package.json' && ['app', 'rescue', 'console'].includes(from.room)) return undefined
  if (to.tree !== 'appliance') return 'the appliance stands alone'
  if (from.room === to.room) return undefined
  const fromBar = bars.findIndex(bar => bar.includes(from.room))
  const toBar = bars.findIndex(bar => bar.includes(to.room))
  if (fromBar === -1) return `${from.room} has no place in the house yet`
  if (toBar === -1) return `${to.room} has no place in the house yet`
  if (toBar > fromBar) return 'left never imports right'
  if (toBar === fromBar) return 'siblings never import each other'
  if (
    forRootOnly.has(to.room) &&
    !['app', 'app-support', 'rescue', 'reset-password', 'front-door', 'main', 'console', 'served-certificate'].includes(
      from.room,
    )
  )
    return `only the root imports ${to.room}`
  return undefined
}

function packageBreach(path: string, found: Import): string | undefined {
  const { tree, room } = placeOf(path)
  if (tree !== 'appliance') return undefined
  const owner = owners.find(candidate => candidate.package.test(found.specifier))
  if (!owner || owner.rooms.includes(room) || (owner.typesAnywhere && found.typeOnly)) return undefined
  return `it belongs to ${owner.rooms.join(' and ')}`
}

function placeOf(path: string): { tree: string; room: string } {
  const [top = '', second = ''] = path.split('/')
  const tree = top === 'test' ? `test/${second}` : top
  return { tree, room: second.replace(/\.tsx?$/, '') }
}

/** Imports of a source, static and dynamic, workers and other loaders included. When in doubt, it reports a computed import. */
export function importsOf(text: string): Import[] {
  const code = text.replace(/^\s*(\/\/|\/?\*).*$/gm, '')
  const found: Import[] = []
  const add = (pattern: RegExp) => {
    for (const { groups } of code.matchAll(pattern))
      found.push({ specifier: groups?.specifier ?? '?', typeOnly: groups?.type !== undefined })
  }
  add(
    /(?:^|;)\s*(?:import|export)\s+(?<type>type\s+)?(?:[\w$]+\s*,?\s*)?(?:\{[^}]*\}|\*(?:\s*as\s+[\w$]+)?)?\s*from\s*['"](?<specifier>[^'"]+)['"]/gm,
  )
  add(/(?:^|;)\s*import\s*['"](?<specifier>[^'"]+)['"]/gm)
  add(/(?<![.#\w$])import\s*\(\s*(?<quote>['"`])(?<specifier>[^'"`$]+)\k<quote>\s*[,)]/g)
  // Not a method of that name: `catalog.import(`, `#import(`, `import()`, `import(server: Server)`.
  add(/(?<![.#\w$])import\s*\((?!\s*\)|\s*\w+\??:|\s*(?<quote>['"`])[^'"`$]+\k<quote>\s*[,)])/g)
  add(/\bnew\s+URL\s*\(\s*(?<quote>['"`])(?<specifier>\.[^'"`$]+\.[cm]?[jt]sx?)\k<quote>\s*,\s*import\.meta\.url/g)
  add(/\b(?:createRequire|getBuiltinModule|require|import\.meta\.resolve)\s*\(/g)
  return found
}

function isView(path: string): boolean {
  return path.startsWith('webui/') && path.endsWith('.tsx')
}

function isTypesOnly(path: string, text: string): boolean {
  if (!path.endsWith('.ts')) return false
  const rest = stripTypeScriptTypes(text)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/^\s*export\s*\{\s*\}\s*;?/gm, '')
  return rest.trim() === ''
}
