// THE story of an upgrade: from a release that lies beside the running one, to that one running, or to everything as it was.
//
// Before each step whose effect would have to be undone, the state on disk says so. A power cut anywhere ends in the old release
// with its database, or, once it was proven, in the new one: what is in doubt after a restart is rolled back.
import { toApplianceError } from '../errors.ts'
import type { Move, UpgradeOutcome, UpgradeState } from './upgrade-state.ts'

export interface UpgradeGround {
  readState(): Promise<UpgradeState>
  writeState(state: UpgradeState): Promise<void>
  /** What the service runs. */
  switchTo(version: string): Promise<void>
  /** What the programs run that bring the machine up, and back from a release that is no good: never one on trial. */
  prove(version: string): Promise<void>
  /** Runs each of those programs as far as it changes nothing. Rejects when one of the release's cannot be relied on. */
  tryPrograms(version: string): Promise<void>
  /** Removes all releases but these. */
  keepOnly(versions: readonly string[]): Promise<void>
  /** Of the service. Both do nothing when it is so already. */
  stop(): Promise<void>
  start(): Promise<void>
  /** Resolves when the service is well; rejects when it has not become so in time. */
  awaitHealthy(): Promise<void>
  /** Each with the code of the release that is named. */
  database: {
    keep(version: string): Promise<void>
    tryMigration(version: string): Promise<void>
    restore(version: string): Promise<void>
    dropKept(version: string): Promise<void>
  }
  now(): Date
  /** For the journal: one line, without secrets. */
  say(text: string): void
}

/** Never rejects for what the new release does: then everything is as it was, and the outcome says why. */
export async function upgrade(ground: UpgradeGround, move: Move): Promise<UpgradeOutcome> {
  const { from, to } = move
  await ground.writeState({ phase: 'preparing', from, to })
  try {
    await ground.stop()
    await ground.database.keep(from)
    await ground.database.tryMigration(to)
    await ground.tryPrograms(to)
  } catch (thrown) {
    return await giveUp(ground, move, reasonOf(thrown))
  }
  await ground.writeState({ phase: 'trying', from, to })
  try {
    await ground.switchTo(to)
    await ground.start()
    await ground.awaitHealthy()
  } catch (thrown) {
    return await rollBack(ground, move, reasonOf(thrown))
  }
  await ground.prove(to)
  return await settle(ground, move, 'upgraded')
}

/** After a start of the machine, and before that of the service: ends what was under way. */
export async function recoverUpgrade(ground: UpgradeGround): Promise<UpgradeOutcome | undefined> {
  const state = await ground.readState()
  if (state.phase === 'preparing') return await giveUp(ground, moveOf(state), interrupted)
  if (state.phase === 'trying') return await rollBack(ground, moveOf(state), interrupted)
  if (state.phase === 'rolling-back') return await rollBack(ground, moveOf(state), state.reason)
  // The clearing up may have been cut off; or there was no upgrade yet, and a release that was unpacked for one was not used.
  if (state.last) await clearUp(ground, state.last)
  else await ground.keepOnly([])
  return undefined
}

const interrupted = 'The machine was restarted during the upgrade.'

/** The new release has never run: there is nothing to put back. */
async function giveUp(ground: UpgradeGround, move: Move, reason: string): Promise<UpgradeOutcome> {
  await ground.start()
  return await settle(ground, move, 'refused', reason)
}

async function rollBack(ground: UpgradeGround, move: Move, reason: string): Promise<UpgradeOutcome> {
  await ground.writeState({ phase: 'rolling-back', from: move.from, to: move.to, reason })
  await ground.stop()
  await ground.database.restore(move.from)
  await ground.switchTo(move.from)
  // A power cut may have come between the proof and the word of it.
  await ground.prove(move.from)
  await ground.start()
  return await settle(ground, move, 'rolled-back', reason)
}

async function settle(
  ground: UpgradeGround,
  { from, to }: Move,
  result: UpgradeOutcome['result'],
  reason?: string,
): Promise<UpgradeOutcome> {
  const last = { from, to, result, ...(reason === undefined ? {} : { reason }), at: ground.now().toISOString() }
  await ground.writeState({ phase: 'settled', last })
  await clearUp(ground, last)
  return last
}

/** What was kept to go back to is of no use any more. Of the releases, the former one stays: for support, and for nothing else. */
async function clearUp(ground: UpgradeGround, { from, to, result }: UpgradeOutcome): Promise<void> {
  await ground.database.dropKept(result === 'upgraded' ? to : from).catch((thrown: unknown) => {
    // The service's user may have put anything there. It costs room, and is tried again at the next start and upgrade.
    ground.say(`what was kept for an upgrade is not removed: ${reasonOf(thrown)}`)
  })
  await ground.keepOnly(result === 'upgraded' ? [from, to] : [from])
}

function moveOf({ from, to }: Move): Move {
  return { from, to }
}

function reasonOf(thrown: unknown): string {
  const { message, hint } = toApplianceError(thrown)
  return `${message} ${hint}`.slice(0, 2000)
}
