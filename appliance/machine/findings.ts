// What the first boot and the TPM could not use, a line each, without values: the console and the page show it.
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { MachineFiles } from './machine-files.ts'

export const Finding = Type.Object({
  /** The property's key, or `secrets`. */
  about: Type.String(),
  text: Type.String(),
})
export type Finding = Static<typeof Finding>

const Findings = Type.Array(Finding)

/** None when there is no file, or one that is not ours. */
export async function readFindings(files: MachineFiles): Promise<Finding[]> {
  const text = (await files.read('findings')) ?? '[]'
  try {
    const found: unknown = JSON.parse(text)
    return Value.Check(Findings, found) ? found : []
  } catch {
    return [] // Cut off by an administrator's editor: nothing depends on it.
  }
}

/** Of what an administrator has set now: what the deployment had of it does not matter any more. */
export async function forgetFindings(files: MachineFiles, about: RegExp): Promise<void> {
  const known = await readFindings(files)
  const left = known.filter(finding => !about.test(finding.about))
  if (left.length < known.length) await writeFindings(files, left)
}

export async function writeFindings(files: MachineFiles, findings: readonly Finding[]): Promise<void> {
  await files.write('findings', `${JSON.stringify(findings, undefined, 2)}\n`)
}
