// Keeps what is made by a recipe in .cache/guests, under a key of the recipe's own source.

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheDirectory, lock } from '../tools.ts'

const guestsDirectory = join(cacheDirectory, 'guests')

/**
 * The folder that `make` filled, now or at an earlier time. It is made anew when one of the recipe's files (names in this
 * folder) has changed, and earlier versions of it are removed. Safe to call from several processes at once.
 */
export async function madeOnce(
  name: string,
  recipeFiles: string[],
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const hash = createHash('sha256')
  for (const file of ['made-once.ts', '../../../packer/disk-image.ts', ...recipeFiles]) {
    hash.update(await readFile(join(import.meta.dirname, file)))
  }
  const finished = join(guestsDirectory, `${name}-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(finished)) return finished
  await mkdir(guestsDirectory, { recursive: true })
  using _lock = await lock(join(guestsDirectory, `${name}.lock`), `${name} guest`)
  if (existsSync(finished)) return finished
  for (const entry of await readdir(guestsDirectory)) {
    if (entry.startsWith(`${name}-`)) await rm(join(guestsDirectory, entry), { recursive: true, force: true })
  }
  const unfinished = `${finished}.unfinished`
  await mkdir(unfinished)
  try {
    await make(unfinished)
    await rename(unfinished, finished)
  } finally {
    await rm(unfinished, { recursive: true, force: true })
  }
  return finished
}
