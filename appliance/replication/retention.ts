// Which images of a server are over their job's retention: pure.
import type { ImageUse } from '../aws/image-use.ts'
import type { Run } from '../domain.ts'

/** An image that goes, with the snapshots that nothing else stands on. */
export interface Expired {
  run: Run
  imageId: string
  snapshotIds: string[]
}

/**
 * The images beyond the newest `keep` that stand, unless they are in use or tagged to be kept. The newest image that stands,
 * and what the last run of this appliance made (the parents of the next delta), always stay.
 * @param runs succeeded runs of one server with their images, the one that became known last first
 * @returns the oldest first
 */
export function expiredImages(runs: readonly Run[], keep: number, use: ImageUse): Expired[] {
  const last = runs.find(({ trigger }) => trigger !== 'adopted')
  let standing = 0
  const expired = newestFirst(runs, use).filter(run => {
    const { imageId = '' } = run
    const isBeyond = standing >= Math.max(keep, 1)
    if (use.createdAt.has(imageId)) standing++
    return isBeyond && run !== last && !use.inUse.has(imageId) && !use.kept.has(imageId)
  })
  return expire(runs, expired.reverse())
}

/**
 * By EC2's clock, which the appliance's errors do not touch: an image that was adopted after newer ones were made is still old.
 * An image that does not stand any more is placed by what its run says; among equals, the one that became known last is newer.
 */
function newestFirst(runs: readonly Run[], { createdAt }: ImageUse): Run[] {
  const madeAt = ({ imageId = '', createdAt: begun }: Run) => createdAt.get(imageId)?.getTime() ?? Date.parse(begun)
  return runs.toSorted((one, other) => madeAt(other) - madeAt(one))
}

/** All images of one job that nothing keeps. @param runs succeeded runs of the job's server with their images */
export function imagesOfJob(
  runs: readonly Run[],
  jobId: string,
  { inUse, kept }: Pick<ImageUse, 'inUse' | 'kept'>,
): Expired[] {
  const own = runs.filter(({ jobId: of, imageId = '' }) => of === jobId && !inUse.has(imageId) && !kept.has(imageId))
  return expire(runs, own)
}

/** Each image with those of its snapshots that no other run stands on. */
function expire(runs: readonly Run[], expired: readonly Run[]): Expired[] {
  const staying = new Set(runs.filter(run => !expired.includes(run)).flatMap(snapshotsOf))
  return expired.flatMap(run => {
    const snapshotIds = [...new Set(snapshotsOf(run))].filter(snapshotId => !staying.has(snapshotId))
    return run.imageId === undefined ? [] : [{ run, imageId: run.imageId, snapshotIds }]
  })
}

/** The replica's and the image's own: they differ when the image was converted. */
export function snapshotsOf(run: Run): string[] {
  return [...run.disks.flatMap(disk => disk.snapshotId ?? []), ...run.imageSnapshotIds]
}
