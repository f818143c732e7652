// What tells this machine from its clones.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** The UUID that the hypervisor gave the machine: a clone gets another. Only root may read it. */
const firmwareUuid = '/sys/class/dmi/id/product_uuid'
/** systemd's, made at the first boot: a clone of the whole disk has the same, a copy of the data directory has not. */
const systemId = '/etc/machine-id'

/**
 * This machine's identity, hashed: 32 hex digits that say nothing about the machine elsewhere.
 * @param configured from HOIST_MACHINE_ID; empty asks the machine
 */
export async function machineId(
  configured: string,
  paths: readonly string[] = [firmwareUuid, systemId],
): Promise<string> {
  const known = configured || (await firstReadable(paths)) || 'unknown machine'
  return createHash('sha256').update(`hoist ${known.trim()}`).digest('hex').slice(0, 32)
}

async function firstReadable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    // Not there, or not for this user: the next one tells.
    const text = await readFile(path, 'utf8').catch(() => '')
    if (text.trim() !== '') return text
  }
  return undefined
}
