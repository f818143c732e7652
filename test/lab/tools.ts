// What the lab, the tests and the demo need besides npm's packages: found, or else installed and built, once, into .cache.

import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { delimiter, join, relative, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'

const labDirectory = import.meta.dirname
const repository = resolve(labDirectory, '../..')

/** Where everything that is downloaded, built or generated goes; ignored by git. */
export const cacheDirectory = join(repository, '.cache')

const binDirectory = join(cacheDirectory, 'bin')
const venvDirectory = join(cacheDirectory, 'venv')

/** Programs that this module provides, by absolute path. */
export const tools = {
  labVcenter: join(binDirectory, 'lab-vcenter'),
  labFront: join(binDirectory, 'lab-front'),
  govc: join(binDirectory, 'govc'),
  versitygw: join(binDirectory, 'versitygw'),
  python: join(venvDirectory, 'bin/python'),
  aws: join(venvDirectory, 'bin/aws'),
  motoServer: join(venvDirectory, 'bin/moto_server'),
}

/**
 * `images` qemu-img; `python` the virtual environment; `vcenter`, `front` and `s3` the lab's servers; `govc` the peer of
 * the benchmarks; `guests` what makes guest disks; `boot` what boots them;
 * `image` what builds the appliance's disk and judges its units; `ova` what reads an OVA; `browser` what shows the page.
 */
export type ToolKind =
  | 'images'
  | 'python'
  | 'vcenter'
  | 'front'
  | 's3'
  | 'govc'
  | 'guests'
  | 'boot'
  | 'image'
  | 'ova'
  | 'browser'

export const toolKinds: readonly ToolKind[] = [
  'images',
  'python',
  'vcenter',
  'front',
  's3',
  'govc',
  'guests',
  'boot',
  'image',
  'ova',
  'browser',
]

/** A Debian package and the file or command that shows it is there (looking is faster than asking dpkg, and takes any origin). */
interface DebianPackage {
  name: string
  shownBy: string
}

/** What boots a machine, whoever's. */
const bootPackages: DebianPackage[] = [
  { name: 'qemu-system-x86', shownBy: 'qemu-system-x86_64' },
  { name: 'ovmf', shownBy: '/usr/share/OVMF/OVMF_CODE.fd' },
  { name: 'seabios', shownBy: '/usr/share/seabios/bios-256k.bin' },
  { name: 'ipxe-qemu', shownBy: '/usr/lib/ipxe/qemu/efi-virtio.rom' },
]

/** What makes a disk that boots, without mounting it. */
const diskPackages: DebianPackage[] = [
  { name: 'qemu-utils', shownBy: 'qemu-img' },
  { name: 'mmdebstrap', shownBy: 'mmdebstrap' },
  { name: 'fdisk', shownBy: 'sfdisk' },
  { name: 'dosfstools', shownBy: 'mkfs.vfat' },
  { name: 'mtools', shownBy: 'mcopy' },
  { name: 'e2fsprogs', shownBy: 'mke2fs' },
]

const debianPackages: Partial<Record<ToolKind, DebianPackage[]>> = {
  images: [{ name: 'qemu-utils', shownBy: 'qemu-img' }],
  guests: [
    ...diskPackages,
    { name: 'ntfs-3g', shownBy: 'mkntfs' },
    { name: 'grub-common', shownBy: 'grub-mkimage' },
    { name: 'grub-pc-bin', shownBy: '/usr/lib/grub/i386-pc/boot.img' },
    { name: 'grub-efi-amd64-bin', shownBy: '/usr/lib/grub/x86_64-efi/normal.mod' },
  ],
  boot: [...bootPackages, { name: 'swtpm', shownBy: 'swtpm' }],
  image: [
    ...bootPackages,
    ...diskPackages,
    { name: 'packer', shownBy: 'packer' },
    { name: 'openssh-client', shownBy: 'ssh-keygen' },
    { name: 'systemd', shownBy: 'systemd-analyze' },
  ],
  ova: [
    { name: 'libxml2-utils', shownBy: 'xmllint' },
    { name: 'virt-v2v', shownBy: 'virt-v2v' },
    { name: 'genisoimage', shownBy: 'genisoimage' },
  ],
  browser: [
    { name: 'chromium', shownBy: 'chromium' },
    { name: 'fonts-dejavu-core', shownBy: '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf' },
  ],
}

/** A Go program of go.mod: our own (a folder here), or one that others wrote. */
interface GoProgram {
  target: string
  source: string
  /** Folders here whose change makes a new build necessary. */
  folders: string[]
}

const goPrograms: Partial<Record<ToolKind, GoProgram>> = {
  vcenter: { target: tools.labVcenter, source: './vcenter', folders: ['vcenter', 'streamvmdk', 'shape'] },
  front: { target: tools.labFront, source: './front', folders: ['front', 'shape'] },
  s3: { target: tools.versitygw, source: 'github.com/versity/versitygw/cmd/versitygw', folders: [] },
  govc: { target: tools.govc, source: './govc', folders: ['govc'] },
}

/** What stops an installation and can be mended only by hand: its message is one line that says what to install. */
export class MissingToolError extends Error {}

const progress = (line: string) => process.stderr.write(`tools: ${line}\n`)

/**
 * Makes sure that the tools of these kinds are there, installing or building only what is missing (a second call takes
 * some milliseconds). Safe to call from several processes at once: one works, the others wait.
 * @throws MissingToolError when root, Go or Python is missing.
 */
export async function ensureTools(kinds: readonly ToolKind[] = toolKinds): Promise<void> {
  if ((await missing(kinds)).length === 0) return
  await mkdir(cacheDirectory, { recursive: true })
  using _lock = await lock(join(cacheDirectory, 'tools.lock'), 'tools')
  for (const step of await missing(kinds, true)) await step()
}

type Step = () => Promise<void>

async function missing(kinds: readonly ToolKind[], explain = false): Promise<Step[]> {
  const steps: Step[] = []
  const packages = new Set(
    kinds.flatMap(kind => debianPackages[kind] ?? []).flatMap(p => (isThere(p.shownBy) ? [] : [p.name])),
  )
  let python: string | undefined
  const pythonKey = kinds.includes('python') ? await pythonKeyNeeded() : undefined
  if (pythonKey !== undefined) {
    python = commandPath('python3')
    if (explain && python !== undefined && !(await hasVenv(python))) packages.add('python3-venv')
  }
  if (packages.size > 0) steps.push(() => installPackages([...packages]))
  if (pythonKey !== undefined) steps.push(() => makeVenv(python, pythonKey))
  for (const program of kinds.flatMap(kind => goPrograms[kind] ?? [])) {
    const key = await goKey(program)
    const there = existsSync(program.target) && (await readKey(program.target)) === key
    if (!there) steps.push(() => buildGo(program, key))
  }
  return steps
}

// Debian

async function installPackages(names: string[]): Promise<void> {
  const command = `apt-get install -y --no-install-recommends ${names.join(' ')}`
  if (process.getuid?.() !== 0) throw new MissingToolError(`as root, run: ${command}`)
  if (commandPath('apt-get') === undefined)
    throw new MissingToolError(`install with your package manager: ${names.join(' ')}`)
  progress(`installing ${names.join(' ')}`)
  const waitForLock = ['-o', 'DPkg::Lock::Timeout=300']
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', [...waitForLock, '-qq', 'update'], { env })
  await run('apt-get', [...waitForLock, '-qq', 'install', '-y', '--no-install-recommends', ...names], { env })
}

// Python

async function pythonKeyNeeded(): Promise<string | undefined> {
  const key = digest([await readFile(join(labDirectory, 'requirements.txt'), 'utf8'), venvDirectory])
  const there = existsSync(tools.python) && (await readKey(venvDirectory)) === key
  return there ? undefined : key
}

async function hasVenv(python: string): Promise<boolean> {
  try {
    await promisify(execFile)(python, ['-c', 'import venv, ensurepip'])
    return true
  } catch {
    return false // Debian splits ensurepip off into python3-venv: exactly what is asked here
  }
}

async function makeVenv(python: string | undefined, key: string): Promise<void> {
  if (python === undefined)
    throw new MissingToolError('install Python 3.11 or newer: apt-get install -y python3 python3-venv')
  progress('making the Python environment')
  await rm(venvDirectory, { recursive: true, force: true })
  await run(python, ['-m', 'venv', venvDirectory])
  const requirements = join(labDirectory, 'requirements.txt')
  await run(tools.python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--no-deps',
    '--disable-pip-version-check',
    '-r',
    requirements,
  ])
  await writeKey(venvDirectory, key)
}

// Go

/** A build's key: the module's pins, and every file of the program's folders (some are embedded) but tests and documentation. */
async function goKey({ source, folders }: GoProgram): Promise<string> {
  const parts = [source]
  for (const pins of ['go.mod', 'go.sum']) parts.push(await readFile(join(labDirectory, pins), 'utf8'))
  for (const folder of folders) {
    const entries = await readdir(join(labDirectory, folder), { recursive: true, withFileTypes: true })
    const paths = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
    for (const path of paths.filter(path => !/(_test\.go|\.md)$|\/testdata\//.test(path)).sort()) {
      parts.push(relative(labDirectory, path), await readFile(path, 'utf8'))
    }
  }
  return digest(parts)
}

/** How Go is run in test/lab: without cgo no C compiler is needed, and with the same flags everywhere one build cache serves all. */
export const goEnvironment = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false -trimpath' }

/**
 * Absolute path of the `go` command.
 * @throws MissingToolError when there is none, or an old one.
 */
export async function goCommand(): Promise<string> {
  const [installed] = [commandPath('go'), '/usr/local/go/bin/go'].filter(path => path !== undefined && existsSync(path))
  const want = 'install Go 1.25 or newer (https://go.dev/dl) and put its bin folder on PATH'
  if (installed === undefined) throw new MissingToolError(want)
  const version = await run(installed, ['version'])
  const [, minor] = /go1\.(\d+)/.exec(version) ?? []
  if (Number(minor) < 25) throw new MissingToolError(`${want}; found ${version.trim()}`)
  return installed
}

async function buildGo(program: GoProgram, key: string): Promise<void> {
  const go = await goCommand()
  progress(`building ${relative(binDirectory, program.target)}`)
  await mkdir(binDirectory, { recursive: true })
  // Built beside its place and then renamed, so that a program that is running is never overwritten.
  const fresh = `${program.target}.new`
  const flags = ['-ldflags=-s -w', '-o', fresh]
  await run(go, ['-C', labDirectory, 'build', ...flags, program.source], { env: goEnvironment })
  await rename(fresh, program.target)
  await writeKey(program.target, key)
}

// Shared

/** A command that ended with a status other than 0; `stdout` is all that it wrote there. */
export class CommandError extends Error {
  readonly stdout: string

  constructor(message: string, stdout: string) {
    super(message)
    this.stdout = stdout
  }
}

/**
 * Runs a command whose messages matter only when it fails, and gives what it wrote on stdout.
 * @throws CommandError with the command, its status and the end of what it printed.
 */
export async function run(
  command: string,
  args: string[],
  { env = process.env, input = '' }: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<string> {
  const child = spawn(commandPath(command) ?? command, args, { stdio: 'pipe', env })
  let stdout = ''
  let messages = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    messages = (messages + text).slice(-4096)
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    messages = (messages + text).slice(-4096)
  })
  child.stdin.on('error', () => undefined).end(input) // a command that does not read its input closes it: its status tells
  const status = await new Promise<number | string>((done, failed) => {
    child.on('error', failed).on('close', (code, signal) => done(code ?? signal ?? 'unknown'))
  })
  if (status !== 0) {
    const line = [command, ...args].join(' ')
    throw new CommandError(`${line} ended with status ${status}:\n${messages.trimEnd()}`, stdout)
  }
  return stdout
}

/** An absolute path is looked up as such, anything else on PATH and in the folders of root's commands. */
function isThere(what: string): boolean {
  return what.startsWith('/') ? existsSync(what) : commandPath(what) !== undefined
}

/** Absolute path of a command; `/usr/sbin` and `/sbin` count even where PATH leaves them out. */
export function commandPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  if (name.includes('/')) return name
  return folders.map(folder => join(folder, name)).find(path => existsSync(path))
}

const keyFile = (target: string) => `${target}.key`

async function readKey(target: string): Promise<string> {
  return existsSync(keyFile(target)) ? readFile(keyFile(target), 'utf8') : ''
}

const writeKey = (target: string, key: string) => writeFile(keyFile(target), key)

function digest(parts: string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}\n${part}`)
  return hash.digest('hex')
}

/** A lock between processes. SQLite's, because the kernel frees it when its holder dies, whatever the way. */
export async function lock(path: string, what: string): Promise<Disposable> {
  const database = new DatabaseSync(path, { timeout: 0 })
  for (let told = false; ; told = true) {
    try {
      database.exec('BEGIN EXCLUSIVE')
      return { [Symbol.dispose]: () => database.close() }
    } catch (error) {
      if (!(error instanceof Error && /locked/.test(error.message))) throw error
      if (!told) progress(`waiting for another process that makes the ${what}`)
      await sleep(200)
    }
  }
}

async function main(args: string[]): Promise<void> {
  const kinds = args.filter((arg): arg is ToolKind => (toolKinds as readonly string[]).includes(arg))
  if (kinds.length !== args.length) {
    process.stderr.write(`usage: node test/lab/tools.ts [${toolKinds.join('|')}]...   (default: all)\n`)
    process.exit(2)
  }
  await ensureTools(kinds.length > 0 ? kinds : toolKinds)
}

if (import.meta.main) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    progress(error instanceof Error ? error.message : String(error))
    process.exit(1)
  })
}
