// THE story of a run: what stands in vCenter becomes an AMI. Each paragraph is a file beside this one.
import { assertReplicable } from './admission.ts'
import type { RunContext } from './context.ts'
import { createImage } from './create-image.ts'
import { discardLeftovers, mayPass } from './discard.ts'
import { exportDisks } from './export-disks.ts'
import { failureOf, outcomeOf } from './failure.ts'
import { importSnapshots } from './import-snapshots.ts'
import { inspectServer } from './inspect-server.ts'

/**
 * Executes one run from VM snapshot to AMI and never throws: how it ended stands in its journal.
 *
 * The VM snapshot lives only as long as the disks are read. Objects in S3 live only until their EBS snapshot stands.
 * Whatever a failed or cancelled run has made is taken away again, so that nothing is half there.
 * @param signal aborted when the run is cancelled or the appliance stops
 */
export async function replicate(context: RunContext, signal: AbortSignal): Promise<void> {
  const { journal, log } = context
  try {
    const server = await inspectServer(context, signal)
    await assertReplicable(server, context)

    await journal.enter('uploading')
    await exportDisks(server, context, signal)

    await journal.enter('converting')
    await importSnapshots(context, signal)

    await journal.enter('creatingImage')
    const image = await createImage(server, context, signal)

    await journal.end('succeeded', { imageId: image.imageId, imageSnapshotIds: image.snapshotIds })
    log.info({ imageId: image.imageId }, 'run succeeded')
  } catch (thrown) {
    const failure = failureOf(thrown, journal.run, signal)
    log.error({ err: thrown, code: failure.code }, 'run failed')
    const left = await discardLeftovers(context)
    if (left.some(mayPass)) {
      // An end would make it forgotten: recovery goes on with the cleaning, and ends the run with this failure.
      await journal.record({ failure })
      log.warn({ left }, 'run not cleaned up yet')
      return
    }
    await journal.end(outcomeOf(failure), { failure, warnings: [...journal.run.warnings, ...left] })
  }
}
