// What a deployment has set, as the first boot of this system disk found it: later it is believed from nobody else.
import Type from 'typebox'
import Value from 'typebox/value'
import type { MachineFiles } from './machine-files.ts'
import { type FoundProperties, findProperties, type SourceGround } from './property-sources.ts'

export interface KeptGround extends SourceGround {
  files: MachineFiles
}

const Kept = Type.Array(Type.Tuple([Type.String(), Type.Array(Type.String())]))

/**
 * Outside, properties are found once for each system disk, before the service first runs: guestinfo can be written by every
 * user of the machine, the service's too, and stays over a restart. That there were none counts as well; what was there and
 * could not be read is asked for again.
 */
export async function propertiesOnce(ground: KeptGround, signal: AbortSignal): Promise<FoundProperties> {
  const { files, say } = ground
  const text = await files.read('deploymentProperties')
  if (text !== undefined) {
    const kept = keptIn(text)
    if (!kept) return { properties: new Map(), unreadable: ['What was kept of it is damaged. Deploy again.'] }
    say(`properties of the deployment: ${kept.size} as they were found at first`)
    return { properties: kept, unreadable: [] }
  }
  const found = await findProperties(ground, signal)
  const { properties, unreadable } = found
  if (properties.size > 0 || unreadable.length === 0)
    await files.write('deploymentProperties', `${JSON.stringify([...properties])}\n`)
  return found
}

function keptIn(text: string): Map<string, string[]> | undefined {
  try {
    const kept: unknown = JSON.parse(text)
    return Value.Check(Kept, kept) ? new Map(kept) : undefined
  } catch {
    return undefined // Why is of no use: it is written whole, so somebody has changed it by hand.
  }
}
