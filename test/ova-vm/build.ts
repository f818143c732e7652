// The OVA of this tree: built once into .cache, and found there as long as nothing that goes into it has changed.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { releaseFiles } from '../../packer/release-files.ts'
import { cacheDirectory, lock } from '../lab/tools.ts'

const top = join(import.meta.dirname, '..', '..')

/** An OVA has to stay below this: 350 MB. */
export const largestOvaBytes = 350e6

export interface BuiltOva {
  ova: string
  /** What govc takes as -options. */
  optionsPath: string
  /** It was there already. */
  reused: boolean
}

/** Builds what is not there; what the build prints goes to stderr. */
export async function builtOva(): Promise<BuiltOva> {
  if (!existsSync(join(top, 'webui', 'dist', 'index.html'))) await program('npm', ['run', 'build'])
  const parent = join(cacheDirectory, 'ova')
  await mkdir(parent, { recursive: true })
  using _lock = await lock(join(parent, 'lock'), 'OVA')
  const key = await keyOfTree()
  const directory = join(parent, key)
  const built = (reused: boolean) => ({
    ova: join(directory, 'hoist.ova'),
    optionsPath: join(directory, 'hoist.govc.json'),
    reused,
  })
  if (existsSync(built(true).ova)) return built(true)
  // Of other trees; one alone takes more than a gigabyte.
  for (const name of await readdir(parent)) if (name !== 'lock') await rm(join(parent, name), { recursive: true })
  const fresh = `${directory}.new`
  await mkdir(fresh)
  await program(process.execPath, [join(top, 'packer/build-image.ts'), '--out', fresh])
  const disk = join(fresh, 'system.raw')
  await program(process.execPath, [join(top, 'ova/build-ova.ts'), '--disk', disk, '--out', join(fresh, 'hoist.ova')])
  await rename(fresh, directory)
  return built(false)
}

/** Everything that the two builds read of this tree. */
async function keyOfTree(): Promise<string> {
  const own = (await Promise.all(['packer', 'ova'].map(filesBelow))).flat()
  const files = [...(await releaseFiles(top)).map(({ from }) => from), ...own.sort()]
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${relative(top, file)}\n`).update(await readFile(file))
  return hash.digest('hex').slice(0, 16)
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(join(top, folder), { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

/** Runs one of the project's commands; what it prints goes to stderr. @throws Error when it ends with another status than 0 */
export async function program(command: string, args: string[], env: Record<string, string> = {}): Promise<void> {
  const stdio = ['ignore', process.stderr, process.stderr] as const
  const child = spawn(command, args, { cwd: top, env: { ...process.env, ...env }, stdio: [...stdio] })
  const [status, signal] = await once(child, 'close')
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${signal ?? status}`)
}
