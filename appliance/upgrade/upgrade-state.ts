// How far an upgrade has come: one small file beside the releases, always whole, that survives a power cut.
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { replaceFile } from '../durable-file.ts'
import { ApplianceError } from '../errors.ts'
import { ignoreMissing } from '../missing-file.ts'
import { versionPattern } from './version.ts'

const Version = Type.String({ pattern: versionPattern })
const move = { from: Version, to: Version }
const Reason = Type.String({ maxLength: 2000 })

/** What has more fields is taken: after a roll-back, a release reads what a newer one has written. */
const schema = Type.Union([
  /** Nothing is under way; `last` is how the latest ended. */
  Type.Object({
    phase: Type.Literal('settled'),
    last: Type.Optional(
      Type.Object({
        ...move,
        /** `refused`: the new release never ran. `rolled-back`: it ran, and was not good. */
        result: Type.Union([Type.Literal('upgraded'), Type.Literal('refused'), Type.Literal('rolled-back')]),
        /** Of what was not good. */
        reason: Type.Optional(Reason),
        at: Type.String({ maxLength: 30, description: 'ISO 8601, UTC' }),
      }),
    ),
  }),
  /** The service stands still while its database is copied and the new schema is tried; `current` is the old release. */
  Type.Object({ phase: Type.Literal('preparing'), ...move }),
  /** The new release runs, or is about to, and is not proven yet. */
  Type.Object({ phase: Type.Literal('trying'), ...move }),
  /** The old release and its database are put back. */
  Type.Object({ phase: Type.Literal('rolling-back'), ...move, reason: Reason }),
])

export type UpgradeState = Static<typeof schema>
export type UpgradeOutcome = NonNullable<Extract<UpgradeState, { phase: 'settled' }>['last']>
export interface Move {
  from: string
  to: string
}

/** @throws {ApplianceError} UPGRADE_FAILED when the file is not as it was written */
export async function readUpgradeState(path: string): Promise<UpgradeState> {
  const text = await readFile(path, 'utf8').catch(ignoreMissing)
  if (text === undefined) return { phase: 'settled' }
  const state = jsonOf(text)
  if (Value.Check(schema, state)) return state
  throw new ApplianceError('UPGRADE_FAILED', `The file ${path} does not say how far an upgrade has come.`, {
    hint: 'Remove it if the appliance works; else deploy the appliance anew and keep its data disk.',
  })
}

/** On disk when this returns. The service may read it: it tells the page. */
export async function writeUpgradeState(path: string, state: UpgradeState): Promise<void> {
  await replaceFile(path, `${JSON.stringify(state)}\n`, 0o644)
}

/**
 * For a release that has just been started: resolves when it is no longer on trial. What it would do before that could be
 * undone, since a roll-back puts the database of before in its place.
 */
export async function awaitSettled(path: string, signal: AbortSignal, lookMs = 1000): Promise<void> {
  while ((await readUpgradeState(path)).phase !== 'settled') await delay(lookMs, undefined, { signal })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // No state either.
  }
}
