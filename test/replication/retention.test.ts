// Which images go: by examples, and by what must hold whatever the history.
import t from 'tap'
import type { ImageUse } from '../../appliance/aws/image-use.ts'
import type { Run } from '../../appliance/domain.ts'
import { expiredImages, imagesOfJob } from '../../appliance/replication/retention.ts'
import { sampleDisk, sampleRun, seeded } from '../store/samples.ts'

/** Images in the order of their numbers: `ami-2` was made a day after `ami-1`. */
const made = new Map(
  Array.from({ length: 101 }, (_, number) => [`ami-${number}`, new Date(Date.UTC(2026, 0, number))] as const),
)
const unused: ImageUse = { inUse: new Set(), kept: new Set(), createdAt: made }

/** A run with an image; a registered one stands on the replica's own snapshots, a converted one on copies. */
function imaged(number: number, snapshots: string[], copies?: string[]): Run {
  return sampleRun(number, {
    state: 'succeeded',
    createdAt: new Date(Date.UTC(2026, 0, number)).toISOString(),
    imageId: `ami-${number}`,
    disks: snapshots.map((snapshotId, index) => sampleDisk(2000 + index, { snapshotId })),
    imageSnapshotIds: copies ?? snapshots,
  })
}

const idsOf = (expired: { imageId: string; snapshotIds: string[] }[]) =>
  expired.map(({ imageId, snapshotIds }) => [imageId, ...snapshotIds])

t.test('images beyond the newest N go, each with what it alone stands on', async t => {
  const runs = [imaged(3, ['c']), imaged(2, ['b'], ['b-copy']), imaged(1, ['a'])]
  t.same(idsOf(expiredImages(runs, 1, unused)), [
    ['ami-1', 'a'],
    ['ami-2', 'b', 'b-copy'],
  ])
  t.same(expiredImages(runs, 3, unused), [])
  t.same(expiredImages([], 1, unused), [])
})

t.test('a snapshot that a staying run names stays: two runs may share one', async t => {
  const runs = [imaged(3, ['shared', 'c']), imaged(2, ['shared', 'b']), imaged(1, ['b', 'a'])]
  t.same(idsOf(expiredImages(runs, 1, unused)), [
    ['ami-1', 'b', 'a'],
    ['ami-2', 'b'],
  ])
})

t.test('an old image that was adopted later pushes out no newer one: it goes itself', async t => {
  const adopted = (number: number, snapshots: string[]) => ({
    ...imaged(number, snapshots),
    trigger: 'adopted' as const,
  })
  const runs = [adopted(2, ['b']), adopted(1, ['a']), imaged(5, ['e']), imaged(4, ['d']), imaged(3, ['c'])]
  t.same(idsOf(expiredImages(runs, 3, unused)), [
    ['ami-1', 'a'],
    ['ami-2', 'b'],
  ])
  t.same(idsOf(expiredImages(runs, 4, unused)), [['ami-1', 'a']])
})

t.test('what the last run made stays below a newer image that was adopted: the next delta stands on it', async t => {
  const runs = [{ ...imaged(9, ['i']), trigger: 'adopted' as const }, imaged(3, ['c']), imaged(2, ['b'])]
  t.same(idsOf(expiredImages(runs, 1, unused)), [['ami-2', 'b']])
})

t.test("the appliance's clock, wrong for a while, makes no image newer", async t => {
  const ahead = { ...imaged(2, ['b']), createdAt: '2031-01-01T00:00:00.000Z' }
  t.same(idsOf(expiredImages([imaged(3, ['c']), ahead, imaged(1, ['a'])], 1, unused)), [
    ['ami-1', 'a'],
    ['ami-2', 'b'],
  ])
})

t.test('an image that somebody removed counts for nothing: the last good one stays', async t => {
  const runs = [imaged(3, ['c']), imaged(2, ['b']), imaged(1, ['a'])]
  const without = (...numbers: number[]) => ({
    ...unused,
    createdAt: new Map([...made].filter(([imageId]) => !numbers.map(number => `ami-${number}`).includes(imageId))),
  })
  t.same(idsOf(expiredImages(runs, 1, without(3))), [['ami-1', 'a']])
  t.same(idsOf(expiredImages(runs, 1, without(3, 2))), [])
  t.same(idsOf(expiredImages(runs, 1, without(2))), [
    ['ami-1', 'a'],
    ['ami-2', 'b'],
  ])
})

t.test('all images of one job go, but those in use and what other jobs stand on', async t => {
  const other = { ...imaged(4, ['shared', 'd']), jobId: 'other' }
  const runs = [other, imaged(3, ['shared', 'c']), imaged(2, ['b'])].map(run => ({ ...run }))
  const jobId = runs[1]?.jobId ?? ''
  const own = runs.map(run => (run.jobId === 'other' ? run : { ...run, jobId }))
  t.same(idsOf(imagesOfJob(own, jobId, unused)), [
    ['ami-3', 'c'],
    ['ami-2', 'b'],
  ])
  t.same(idsOf(imagesOfJob(own, jobId, { inUse: new Set(['ami-3']), kept: new Set() })), [['ami-2', 'b']])
})

t.test('an image in use, or one that is kept, stays, with its snapshots', async t => {
  const runs = [imaged(4, ['d']), imaged(3, ['c']), imaged(2, ['b']), imaged(1, ['b', 'a'])]
  const use = { ...unused, inUse: new Set(['ami-3']), kept: new Set(['ami-2']) }
  t.same(idsOf(expiredImages(runs, 1, use)), [['ami-1', 'a']])
})

t.test(
  'over any history: the newest, what is used and what is kept stay, N stay, and nothing under them goes',
  async t => {
    for (let seed = 1; seed <= 2000; seed++) {
      const below = seeded(seed)
      const pick = () => `snap-${below(12)}`
      const runs = Array.from({ length: below(9) }, (_, index) => {
        const snapshots = Array.from({ length: 1 + below(3) }, pick)
        return imaged(100 - index, snapshots, below(2) ? Array.from({ length: 1 + below(3) }, pick) : undefined)
      })
      const keep = below(5)
      const some = () => new Set(runs.flatMap(({ imageId = '' }) => (below(4) === 0 ? [imageId] : [])))
      const use = { inUse: some(), kept: some(), createdAt: made }
      const expired = expiredImages(runs, keep, use)
      const gone = new Set(expired.map(({ imageId }) => imageId))
      const staying = runs.filter(({ imageId = '' }) => !gone.has(imageId))
      const under = new Set(
        staying.flatMap(run => [...run.imageSnapshotIds, ...run.disks.map(disk => disk.snapshotId)]),
      )
      const wrong = [
        ...(runs[0]?.imageId && gone.has(runs[0].imageId) ? ['the newest goes'] : []),
        ...[...use.inUse, ...use.kept]
          .filter(imageId => gone.has(imageId))
          .map(id => `${id} is used or kept, and goes`),
        ...runs
          .slice(0, keep)
          .filter(({ imageId = '' }) => gone.has(imageId))
          .map(({ id }) => `${id} is of the newest`),
        ...runs
          .slice(Math.max(keep, 1))
          .filter(({ imageId = '' }) => !gone.has(imageId) && !use.inUse.has(imageId) && !use.kept.has(imageId))
          .map(({ id }) => `${id} stays for no reason`),
        ...expired
          .flatMap(({ snapshotIds }) => snapshotIds.filter(id => under.has(id)))
          .map(id => `${id} is still needed`),
        ...expired.flatMap(({ run, snapshotIds }) => {
          const own = [...run.imageSnapshotIds, ...run.disks.map(disk => disk.snapshotId)]
          return snapshotIds.filter(id => !own.includes(id)).map(id => `${id} is not of ${run.id}`)
        }),
      ]
      if (wrong.length > 0) t.fail(`seed ${seed}: ${wrong.join('; ')}`)
    }
  },
)
