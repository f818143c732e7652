// `npm run build-ova`: the command that makes the OVA of a system disk.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import packageJson from '../package.json' with { type: 'json' }
import { type PackageOptions, packageOva } from './package.ts'

const repository = join(import.meta.dirname, '..')

const usage = `usage: npm run build-ova -- --disk system.raw --out hoist.ova [OPTIONS]

Packs a raw system disk as an OVA, and writes beside it what govc import.ova takes as -options (hoist.govc.json), and the bill
of materials (hoist.cdx.json) and the licences (hoist.licences.txt) that npm run build-image has put beside the disk.
The same disk, version and time give the same bytes.

  --version V          of the product (${packageJson.version})
  --thick              the options ask for thick disks; the default is thin
  --sign-key FILE      RSA key (PEM) that signs the manifest; needs --sign-certificate
  --sign-certificate FILE
  --help               this text

The time of the files is SOURCE_DATE_EPOCH, else that of the commit.
`

/** What is wrong with the command line or what stands around it; the message says it all. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** @throws UsageError */
export async function optionsOf(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<Omit<PackageOptions, 'signal'> | 'help'> {
  const values = parsed(args)
  if (values.help) return 'help'
  const { disk, out, version, thick } = values
  if (disk === undefined || out === undefined) throw new UsageError('--disk and --out are needed')
  // Also keeps a disk from being overwritten by a slip.
  if (!out.endsWith('.ova') || out === disk) throw new UsageError('--out has to be an .ova file')
  const [key, certificate] = [values['sign-key'], values['sign-certificate']]
  if ((key === undefined) !== (certificate === undefined))
    throw new UsageError('--sign-key and --sign-certificate belong together')
  return {
    diskPath: disk,
    outPath: out,
    version,
    provisioning: thick ? 'thick' : 'thin',
    modifiedAt: await sourceTime(env),
    eula: await readFile(join(repository, 'LICENSE'), 'utf8'),
    ...(key === undefined || certificate === undefined
      ? {}
      : { signer: { privateKey: await readFile(key, 'utf8'), certificate: await readFile(certificate, 'utf8') } }),
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        disk: { type: 'string' },
        out: { type: 'string' },
        version: { type: 'string', default: packageJson.version },
        thick: { type: 'boolean', default: false },
        'sign-key': { type: 'string' },
        'sign-certificate': { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/** Seconds since 1970: SOURCE_DATE_EPOCH (reproducible-builds.org), else the commit's time. */
async function sourceTime(env: NodeJS.ProcessEnv): Promise<number> {
  const given = env.SOURCE_DATE_EPOCH ?? (await commitTime())
  if (!/^\d{1,10}$/.test(given)) throw new UsageError(`SOURCE_DATE_EPOCH "${given}" is no number of seconds`)
  return Number(given)
}

async function commitTime(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', repository, 'log', '-1', '--format=%ct'])
    return stdout.trim()
  } catch (error) {
    throw new UsageError('this is no git checkout: set SOURCE_DATE_EPOCH', { cause: error })
  }
}

/**
 * Puts what the image is made of beside the OVA, under its name.
 * @returns what there was to put
 */
async function putLists({ diskPath, outPath, version }: Omit<PackageOptions, 'signal'>): Promise<string[]> {
  const put: string[] = []
  for (const kind of ['cdx.json', 'licences.txt']) {
    const from = join(dirname(diskPath), `hoist-${version}.${kind}`)
    const to = outPath.replace(/ova$/, kind)
    if (existsSync(from)) {
      await writeFile(to, await readFile(from))
      put.push(to)
    } else {
      // Another disk's would be worse than none.
      await rm(to, { force: true })
    }
  }
  return put
}

async function main(): Promise<void> {
  const stop = new AbortController()
  for (const event of ['SIGINT', 'SIGTERM'] as const)
    process.once(event, () => stop.abort(new Error(`stopped by ${event}`)))
  const options = await optionsOf(process.argv.slice(2), process.env)
  if (options === 'help') {
    process.stdout.write(usage)
    return
  }
  const { sizeBytes, sha256, optionsPath } = await packageOva({ ...options, signal: stop.signal })
  const mebibytes = (sizeBytes / 2 ** 20).toFixed(1)
  process.stdout.write(`${options.outPath}: ${mebibytes} MiB, SHA-256 ${sha256}\n${optionsPath}: options for govc\n`)
  const lists = await putLists(options)
  for (const path of lists) process.stdout.write(`${path}: what is in it\n`)
  if (lists.length === 0) process.stderr.write('build-ova: no bill of materials and no licences lie beside this disk\n')
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`build-ova: ${error instanceof Error ? error.message : String(error)}\n`)
    if (error instanceof UsageError) process.stderr.write(`\n${usage}`)
    process.exitCode = error instanceof UsageError ? 2 : 1
  })
}
