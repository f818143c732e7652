// Whether this machine is the appliance's image, as opposed to one that somebody looks after by hand.
import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { ignoreMissing } from '../missing-file.ts'

/** The image keeps its releases there, and nothing else makes this link; the sandbox of the service shows it, to be read. */
const currentRelease = 'opt/hoist/current'

/** @param root the directory that the whole system lies in */
export async function isApplianceImage(root: string): Promise<boolean> {
  return (await lstat(join(root, currentRelease)).catch(ignoreMissing))?.isSymbolicLink() ?? false
}
