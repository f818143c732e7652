// Two builds of one commit are the same, entry by entry: `npx node test/ova-vm/reproducible.ts [hoist.ova]`, or a step of test-ova.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { contentDifferences, contentList, readSystem } from '../../packer/content-list.ts'
import { layout } from '../../packer/layout.ts'
import { cacheDirectory, ensureTools, run } from '../lab/tools.ts'
import { readOptions } from '../read-options.ts'
import { builtOva, program } from './build.ts'
import { type Unpacked, unpackOva } from './disks.ts'

const buildImage = join(import.meta.dirname, '../../packer/build-image.ts')
const usage = `npx node test/ova-vm/reproducible.ts [OPTIONS] [FILE.ova]

Builds the image of this tree again, from nothing, and compares it with what is in the OVA (the one of test-ova, if none is
named), entry by entry. Three minutes, or six beside other work.

  --release-key FILE  a public key that the image of the OVA was built with (may be given several times, as to build-image)
  --help              this text
`

/** So many differences are named. */
const named = 40

/**
 * Builds the image of this tree again, with an empty base, and compares it with what is in an OVA: every path, type, mode, owner,
 * size, link and SHA-256. No exception is known (docs/adr/0008), so none is allowed. Takes three minutes, or six beside other work.
 * @param releaseKeys the OVA's: files of the image, which the second build has to have too
 * @throws Error that names what differs
 */
export async function reproducible(
  ova: string,
  unpacked: Unpacked,
  releaseKeys: readonly string[] = [],
): Promise<string> {
  await ensureTools(['image', 'images'])
  const directory = await mkdtemp(join(unpacked.directory, 'again-'))
  try {
    const raw = join(directory, 'first.raw')
    await run('qemu-img', ['convert', '-f', 'vmdk', '-O', 'raw', unpacked.vmdks.system, raw])
    const first = contentList((await readSystem(raw, layout, join(directory, 'content'))).entries)
    for (const name of ['first.raw', 'content']) await rm(join(directory, name), { recursive: true })
    const startedAtMs = performance.now()
    const out = join(directory, 'image')
    const args = [buildImage, '--out', out, '--bases', join(directory, 'bases')]
    for (const key of releaseKeys) args.push('--release-key', resolve(key))
    await program(process.execPath, args, { SOURCE_DATE_EPOCH: `${await timeOf(ova)}` })
    const seconds = Math.round((performance.now() - startedAtMs) / 1000)
    const different = contentDifferences(
      first,
      await readFile(join(out, `hoist-${packageJson.version}.contents.txt`), 'utf8'),
    )
    const entries = first.trimEnd().split('\n').length
    if (different.length > 0) {
      const rest = different.length > named ? `\n... and ${different.length - named} more` : ''
      throw new Error(
        `${different.length} of ${entries} entries differ:\n${different.slice(0, named).join('\n')}${rest}`,
      )
    }
    return `built again from nothing in ${seconds} s: ${entries} entries, all the same`
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Of its files: seconds since 1970. */
async function timeOf(ova: string): Promise<number> {
  const listed = await run('tar', ['--utc', '--full-time', '--list', '--verbose', '--file', ova])
  const [, date, time] = / (\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)/.exec(listed) ?? []
  return Date.parse(`${date}T${time}Z`) / 1000
}

async function main(): Promise<void> {
  const { values, positionals } = readOptions(usage, {
    allowPositionals: true,
    options: {
      'release-key': { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  if (positionals.length > 1) {
    process.stderr.write(`One OVA is compared at a time.\n\n${usage}`)
    process.exitCode = 2
    return
  }
  const [given] = positionals
  const ova = given === undefined ? (await builtOva()).ova : resolve(given)
  await mkdir(join(cacheDirectory, 'test-ova'), { recursive: true })
  const directory = await mkdtemp(join(cacheDirectory, 'test-ova', 'twice-'))
  try {
    process.stdout.write(`${await reproducible(ova, await unpackOva(ova, directory), values['release-key'])}\n`)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

if (import.meta.main) {
  main().catch((error: unknown) => {
    process.stderr.write(`reproducible: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  })
}
