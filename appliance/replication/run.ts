// THE story of a run: what stands in vCenter becomes an AMI. Each paragraph is a file beside this one.
import type { RunStage } from '../domain.ts'
import type { RunContext } from './context.ts'
import { createImage } from './create-image.ts'
import { exportDisks } from './export-disks.ts'
import { thaw } from './freeze.ts'
import { giveUp, stopShort } from './give-up.ts'
import { importSnapshots } from './import-snapshots.ts'
import { inspectServer } from './inspect-server.ts'
import { isPast } from './states.ts'

/**
 * Takes one run from where its journal says it stands to its AMI, and never throws: how far it came stands in its journal.
 * Every step is noted there before it is asked for, when it is known to exist, and when it is proven; so a run that was cut
 * off, or held up by what passes, goes on by being called again.
 *
 * The VM snapshot lives only as long as the disks are read. Objects in S3 live only until their EBS snapshot stands.
 * Whatever a run that is given up or cancelled has made is taken away again, so that nothing is half there.
 * @param signal aborted when the run is cancelled, or must let go of everything as it stands
 */
export async function replicate(context: RunContext, signal: AbortSignal): Promise<void> {
  const { journal, log } = context
  if (journal.run.failure) return await giveUp(context)
  try {
    const server = await inspectServer(context, signal)
    await during('uploading', context, () => exportDisks(server, context, signal))
    await during('converting', context, () => importSnapshots(context, signal))
    await during('creatingImage', context, () => createImage(server, context, signal))
    await thaw(context).catch(err => log.warn({ err }, 'VM snapshot left to the cleaning'))
    await journal.end('succeeded')
    log.info({ imageId: journal.run.imageId }, 'run succeeded')
  } catch (thrown) {
    if (await stopShort(thrown, context, signal)) await giveUp(context)
  }
}

/** Does a stage's work, unless the run has left it behind already. */
async function during(stage: RunStage, { journal }: RunContext, work: () => Promise<void>): Promise<void> {
  if (isPast(journal.run.state, stage)) return
  if (journal.run.state !== stage) await journal.enter(stage)
  await work()
}
