// Makes the signed release bundle of this tree: `npm run build-release -- --key FILE --out FILE`; docs/releasing.md.
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeRelease } from '../appliance/upgrade/make-release.ts'
import { changedSources, releaseFiles } from './release-files.ts'

const usage = `Usage: npm run build-release -- --key FILE --out FILE [--minimum VERSION] [--allow-changes]

  --key            the private ed25519 key, PEM; it never leaves this machine
  --out            the bundle; its SHA-256 is written beside it as FILE.sha256
  --minimum        the oldest release that may be upgraded to this one in one step (default 0.1.0); older than this one
  --allow-changes  sign the tree as it lies here, for a try-out: without it, files that are not the commit's are refused
  --help           this text

The version is that of package.json, the date that of the commit (or SOURCE_DATE_EPOCH): two builds of a commit are the same
bytes. Packages must be installed (npm ci) and the page built (npm run build).
`

/** What is wrong with the command line; the message says it all. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export interface ReleaseCommand {
  key: string
  out: string
  minimum: string
  allowChanges: boolean
}

/** @throws UsageError */
export function optionsOf(args: readonly string[]): ReleaseCommand | 'help' {
  const values = parsed(args)
  if (values.help) return 'help'
  const { key, out, minimum, 'allow-changes': allowChanges } = values
  if (key === undefined || out === undefined) throw new UsageError('--key and --out are needed')
  return { key, out: resolve(out), minimum, allowChanges }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        key: { type: 'string' },
        out: { type: 'string' },
        minimum: { type: 'string', default: '0.1.0' },
        'allow-changes': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

/**
 * @param top of the project
 * @returns the bundle's SHA-256, hex
 * @throws Error when no appliance could take it, or it would not be what the commit says
 */
export async function buildRelease(top: string, command: ReleaseCommand, env: NodeJS.ProcessEnv): Promise<string> {
  const { key, out, minimum, allowChanges } = command
  const { version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as { version: string }
  if (inOrder.compare(minimum, version) >= 0)
    throw new RangeError(
      `no appliance could take release ${version}: --minimum ${minimum} is not older, and what is as new takes no upgrade`,
    )
  const privateKey = createPrivateKey(readFileSync(key))
  const releasedAt = new Date(releaseTime(top, env) * 1000)
  if (!allowChanges) await refuseChanges(top)
  const files = await releaseFiles(top)
  process.stderr.write(`release ${version}: ${files.length} files\n`)
  return await makeRelease({ version, minimumVersion: minimum, releasedAt, files, privateKey, out })
}

/** Versions are numbers with dots between them; `makeRelease` refuses what is none. */
const inOrder = new Intl.Collator('en', { numeric: true })

/** What is signed is what somebody else finds in the commit. */
async function refuseChanges(top: string): Promise<void> {
  const changed = await changedSources(top)
  if (changed.length > 0)
    throw new Error(
      ['these are not as the commit has them, and would be signed:', ...changed.map(line => `  ${line}`)].join('\n') +
        '\nBuild in a clean checkout; --allow-changes is for try-outs.',
    )
}

/** Seconds since the epoch. */
function releaseTime(top: string, env: NodeJS.ProcessEnv): number {
  const given =
    env.SOURCE_DATE_EPOCH ?? execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: top, encoding: 'utf8' })
  const seconds = Number(given.trim())
  if (!Number.isSafeInteger(seconds) || seconds <= 0) throw new RangeError('SOURCE_DATE_EPOCH is no number of seconds')
  return seconds
}

async function main(): Promise<void> {
  const command = optionsOf(process.argv.slice(2))
  if (command === 'help') process.stdout.write(usage)
  else {
    const sha256 = await buildRelease(join(import.meta.dirname, '..'), command, process.env)
    process.stdout.write(`${sha256}  ${command.out}\n`)
  }
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`build-release: ${error instanceof Error ? error.message : String(error)}\n`)
    if (error instanceof UsageError) process.stderr.write(`\n${usage}`)
    process.exitCode = error instanceof UsageError ? 2 : 1
  })
}
