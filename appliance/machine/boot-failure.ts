// Why the machine has not come up: what a boot that failed leaves for the console, and what the next one is at, until one ends well.
import { chmod, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { replaceFile } from '../durable-file.ts'
import { toApplianceError } from '../errors.ts'

const BootFailure = Type.Object({ message: Type.String(), hint: Type.String() })
export type BootFailure = Static<typeof BootFailure>

/** Of memory: a start of the machine begins without it. */
const directory = 'run/hoist'
const name = 'boot-failure.json'

/** Anybody may read it: it names disks, and no secret. */
export async function noteBootFailure(root: string, thrown: unknown): Promise<void> {
  const { message, hint } = toApplianceError(thrown)
  await mkdir(join(root, directory), { recursive: true })
  await chmod(join(root, directory), 0o755)
  await replaceFile(join(root, directory, name), JSON.stringify({ message, hint }), 0o644)
}

export async function clearBootFailure(root: string): Promise<void> {
  await rm(join(root, directory, name), { force: true })
}

/** Undefined when the machine has come up, or is at its first try. */
export async function readBootFailure(root: string): Promise<BootFailure | undefined> {
  try {
    const failure: unknown = JSON.parse(await readFile(join(root, directory, name), 'utf8'))
    return Value.Check(BootFailure, failure) ? failure : undefined
  } catch {
    return undefined // There is none, or none that says anything.
  }
}
