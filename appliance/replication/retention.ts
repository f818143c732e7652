// Which images of a server are over their job's retention: pure.
import type { Run } from '../domain.ts'

/** Images that must not go, however old. */
export interface ImageUse {
  /** Some instance was launched from it. */
  inUse: ReadonlySet<string>
  /** Tagged `hoist:keep`. */
  kept: ReadonlySet<string>
}

/** An image that goes, with the snapshots that nothing else stands on. */
export interface Expired {
  run: Run
  imageId: string
  snapshotIds: string[]
}

/**
 * The images beyond the newest `keep`, unless they are in use or tagged to be kept. The newest image, and the snapshots of
 * the newest run (parents of the next delta), always stay.
 * @param runs succeeded runs of one server with their images, newest first
 */
export function expiredImages(runs: readonly Run[], keep: number, { inUse, kept }: ImageUse): Expired[] {
  const stay = new Set([...inUse, ...kept, ...runs.slice(0, Math.max(keep, 1)).map(({ imageId = '' }) => imageId)])
  const expired = runs.slice(Math.max(keep, 1)).filter(({ imageId = '' }) => !stay.has(imageId))
  return expire(runs, expired)
}

/** All images of one job that nothing keeps. @param runs succeeded runs of the job's server with their images */
export function imagesOfJob(runs: readonly Run[], jobId: string, { inUse, kept }: ImageUse): Expired[] {
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
function snapshotsOf(run: Run): string[] {
  return [...run.disks.flatMap(disk => disk.snapshotId ?? []), ...run.imageSnapshotIds]
}
