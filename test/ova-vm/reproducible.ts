// Two builds of one commit are the same, entry by entry: `node test/ova-vm/reproducible.ts [hoist.ova]`, or a step of test-ova.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { contentDifferences, contentList, readSystem } from '../../packer/content-list.ts'
import { layout } from '../../packer/layout.ts'
import { cacheDirectory, ensureTools, run } from '../lab/tools.ts'
import { builtOva, program } from './build.ts'
import { type Unpacked, unpackOva } from './disks.ts'

const buildImage = join(import.meta.dirname, '../../packer/build-image.ts')
/** So many differences are named. */
const named = 40

/**
 * Builds the image of this tree again, with an empty base, and compares it with what is in an OVA: every path, type, mode, owner,
 * size, link and SHA-256. No exception is known (docs/adr/0008), so none is allowed. Takes three minutes, or six beside other work.
 * @throws Error that names what differs
 */
export async function reproducible(ova: string, unpacked: Unpacked): Promise<string> {
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
  const ova = process.argv[2] === undefined ? (await builtOva()).ova : resolve(process.argv[2])
  await mkdir(join(cacheDirectory, 'test-ova'), { recursive: true })
  const directory = await mkdtemp(join(cacheDirectory, 'test-ova', 'twice-'))
  try {
    process.stdout.write(`${await reproducible(ova, await unpackOva(ova, directory))}\n`)
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
