// What a deployment has set, as the first boot of this system disk found it: later it is believed from nobody else.
import Type from 'typebox'
import Value from 'typebox/value'
import type { Finding } from './findings.ts'
import type { MachineFiles } from './machine-files.ts'
import { findProperties, type SourceGround } from './property-sources.ts'

export interface KeptGround extends SourceGround {
  files: MachineFiles
}

export interface KnownProperties {
  properties: Map<string, string[]>
  /** What could not be read, or is not believed. */
  findings: Finding[]
  /** Whoever asks after that gets these, or knows that they could not be read. Does nothing where they are kept. */
  keep(): Promise<void>
}

/** `null`: they could not be read, and the service runs, or has run. */
const Kept = Type.Union([Type.Null(), Type.Array(Type.Tuple([Type.String(), Type.Array(Type.String())]))])

/**
 * What came too late where the service has run: what lets somebody in, and what the system cannot take alone or may have been
 * removed since, which leaves no trace.
 */
const lateKeys = {
  setup_code: '.',
  ssh_key: ': nobody can sign in by SSH. Deploy again for that.',
  ntp: ': enter it under Settings or on the console.',
  proxy: ': enter it under Settings or on the console.',
} as const

/**
 * Outside, properties are found once for each system disk, before the service first runs: guestinfo can be written by every
 * user of the machine, the service's too, and stays over a restart. That there were none counts as well. What could not be
 * read is asked for again; by then the service has run, and some of it comes too late.
 */
export async function propertiesOnce(ground: KeptGround, signal: AbortSignal): Promise<KnownProperties> {
  const { files, say } = ground
  const kept = await readKept(files)
  if (kept === 'damaged') {
    const findings = [{ about: 'deployment', text: 'What was kept of it is damaged. Deploy again.' }]
    return { properties: new Map(), findings, keep: nothing }
  }
  if (kept) {
    say(`properties of the deployment: ${kept.size} as they were found at first`)
    return { properties: kept, findings: [], keep: nothing }
  }
  const { properties: found, unreadable } = await findProperties(ground, signal)
  const unread = found === undefined && unreadable.length > 0
  const properties = found ?? new Map<string, string[]>()
  const then = unread ? 'Nothing was taken, and the next start asks again.' : 'Another source was taken.'
  const findings: Finding[] = unreadable.map(why => ({ about: 'deployment', text: `${why} ${then}` }))
  if (kept === null) findings.push(...withoutLate(properties))
  return { properties, findings, keep: () => keep(files, unread ? null : properties) }
}

/** Whether a boot has asked for them in vain. */
export async function areUnread(files: MachineFiles): Promise<boolean> {
  return (await readKept(files)) === null
}

/** Whether it is known what they are. */
export async function areFound(files: MachineFiles): Promise<boolean> {
  return (await readKept(files)) instanceof Map
}

/**
 * Before the service runs, and when it has run: what is kept is as it may stay. The setup code goes: the service was handed
 * it, it is good for one claim, and what is kept outlives that. What is damaged is emptied: it counts as nothing, and may
 * hold the code. A system whose first boot was an image's that kept nothing is not asked about, weeks later: what it still
 * has of the deployment alone is the key for SSH.
 * @throws what the files of the machine end with
 */
export async function settleKept(files: MachineFiles): Promise<void> {
  const text = await files.read('deploymentProperties')
  if (text === undefined) {
    const line = await files.read('sshKeys')
    return await keep(files, new Map(line === undefined ? [] : [['ssh_key', [line.trim()]]]))
  }
  const kept = keptIn(text)
  if (kept === 'damaged' && text !== '') await files.write('deploymentProperties', '')
  else if (kept instanceof Map && kept.delete('setup_code')) await keep(files, kept)
}

const nothing = async () => undefined

async function keep(files: MachineFiles, properties: ReadonlyMap<string, readonly string[]> | null): Promise<void> {
  await files.write('deploymentProperties', `${JSON.stringify(properties && [...properties])}\n`)
}

/** Takes out what comes too late, and says so. */
function withoutLate(properties: Map<string, string[]>): Finding[] {
  return Object.entries(lateKeys).flatMap(([about, then]) => {
    const given = properties.get(about)?.some(value => value.trim() !== '')
    properties.delete(about)
    return given ? [{ about, text: `It was read after the service had first run, and is not taken${then}` }] : []
  })
}

/** Undefined: no boot has asked for them yet. */
async function readKept(files: MachineFiles): Promise<ReturnType<typeof keptIn> | undefined> {
  const text = await files.read('deploymentProperties')
  return text === undefined ? undefined : keptIn(text)
}

function keptIn(text: string): Map<string, string[]> | null | 'damaged' {
  try {
    const kept: unknown = JSON.parse(text)
    if (!Value.Check(Kept, kept)) return 'damaged'
    return kept && new Map(kept)
  } catch {
    return 'damaged' // Why is of no use: it is written whole, so somebody has changed it by hand.
  }
}
