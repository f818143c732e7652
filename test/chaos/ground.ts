// What a fault works on.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from './random.ts'
import type { Site } from './site.ts'
import type { Watcher } from './watcher.ts'
import type { Inventory, Witness } from './witness.ts'

export interface Ground {
  site: Site
  watcher: Watcher
  witness: Witness
  /** Of this fault alone. */
  random: Random
  /** Lets go on what the moment holds; after the strike it is called in any case. */
  release(): Promise<void>
  /** Something that must not be. */
  problem(text: string): void
  /** Called when the trial is over. */
  atEnd(close: () => Promise<void>): void
  /** Images that must be there at the end, whoever knows of them. */
  mustStay: Inventory['images']
}

/** Does the fault, and puts right what it did. */
export type Strike = (ground: Ground) => Promise<void>

/** Asks until it is so; false when it is not within the limit. */
export async function becomes(limitMs: number, ask: () => Promise<boolean>): Promise<boolean> {
  const startedAtMs = performance.now()
  while (performance.now() - startedAtMs < limitMs) {
    if (await ask()) return true
    await sleep(50)
  }
  return false
}
