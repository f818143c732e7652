// Makes the signed release bundle of this tree: `npm run build-release -- --key FILE --out FILE`; docs/releasing.md.
import { execFileSync } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { makeRelease } from '../appliance/upgrade/make-release.ts'
import { releaseFiles } from './release-files.ts'

const usage = `Usage: npm run build-release -- --key FILE --out FILE [--minimum VERSION]

  --key      the private ed25519 key, PEM; it never leaves this machine
  --out      the bundle; its SHA-256 is written beside it as FILE.sha256
  --minimum  the oldest release that may be upgraded to this one in one step (default 0.1.0)

The version is that of package.json, the date that of the commit (or SOURCE_DATE_EPOCH): two builds of a commit are the same
bytes. Packages must be installed (npm ci) and the page built (npm run build).
`
const top = join(import.meta.dirname, '..')

/** Seconds since the epoch. */
function releaseTime(): number {
  const given =
    process.env.SOURCE_DATE_EPOCH ?? execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: top, encoding: 'utf8' })
  const seconds = Number(given.trim())
  if (!Number.isSafeInteger(seconds) || seconds <= 0) throw new RangeError('SOURCE_DATE_EPOCH is no number of seconds')
  return seconds
}

try {
  const { values } = parseArgs({
    options: {
      key: { type: 'string' },
      out: { type: 'string' },
      minimum: { type: 'string', default: '0.1.0' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help || values.key === undefined || values.out === undefined) {
    process.stdout.write(usage)
    process.exit(values.help ? 0 : 2)
  }
  const { version } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as { version: string }
  const files = await releaseFiles(top)
  process.stderr.write(`release ${version}: ${files.length} files\n`)
  const out = resolve(values.out)
  const sha256 = await makeRelease({
    version,
    minimumVersion: values.minimum,
    releasedAt: new Date(releaseTime() * 1000),
    files,
    privateKey: createPrivateKey(readFileSync(values.key)),
    out,
  })
  process.stdout.write(`${sha256}  ${out}\n`)
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exit(1)
}
