// How runs end in the tests of replication: failed by name and taken back whole, or none the worse for what they met.
import { open } from 'node:fs/promises'
import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import type { Test } from 'tap'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { Lab } from '../lab/lab.ts'
import type { Site } from '../site.ts'

/** Imports that take no longer than they must. */
export const quickAws = { timing: { stepMs: 20, settleMs: 0, completeMs: 20 } }

export const hasEnded = ({ endedAt }: RunView) => endedAt !== undefined
/** Bytes of some disk are on their way. */
export const isUploading = ({ steps }: RunView) =>
  steps.some(({ kind, phase }) => kind === 'upload' && phase === 'effected')

/** Every byte that vCenter held stands in EBS, and nothing temporary is left. Both are compared as the lab's programs keep them. */
export async function isWhole(t: Test, lab: Lab, run: RunView): Promise<void> {
  t.equal(run.state, 'succeeded', `${run.serverName}: ${run.failure?.message ?? ''}`)
  for (const disk of run.disks) {
    const path = `/vms/${run.serverName}/disks/${disk.key}/frozen`
    const source = await lab.vcenterControl<{ file: string }>('GET', path)
    const replica = await lab.awsControl<{ file: string }>('GET', `/snapshots/${disk.snapshotId}/file`)
    const [wanted, found] = await Promise.all([source, replica].map(({ file }) => start(file, disk.sizeBytes)))
    t.ok(wanted !== undefined && found !== undefined && wanted.equals(found), `${disk.label} of ${run.serverName}`)
  }
  t.same(await leftBehind(lab), [])
}

/** The first bytes of a file. */
async function start(file: string, sizeBytes: number): Promise<Buffer> {
  await using handle = await open(file)
  const bytes = Buffer.alloc(sizeBytes)
  await handle.read(bytes, 0, sizeBytes, 0)
  return bytes
}

/** VM snapshots, uploads and objects that are there, but for the connector's lease. */
export async function leftBehind(lab: Lab): Promise<string[]> {
  const { endpoint, region, admin } = lab.aws
  const s3 = new S3Client({ endpoint, region, credentials: admin, forcePathStyle: true })
  const vms = await lab.vcenterControl<{ name: string; snapshots: unknown[] }[]>('GET', '/vms')
  const left = vms.filter(({ snapshots }) => snapshots.length > 0).map(({ name }) => `snapshot of ${name}`)
  for (const Bucket of Object.keys(await lab.awsControl<Record<string, string>>('GET', '/buckets'))) {
    const { Contents: objects = [] } = await s3.send(new ListObjectsV2Command({ Bucket }))
    const { Uploads: uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket }))
    for (const { Key: key } of objects) if (key !== 'connector/lease.json') left.push(`object ${key}`)
    for (const { Key: key } of uploads) left.push(`upload ${key}`)
  }
  s3.destroy()
  return left
}

/** The job's next run succeeds. */
export async function runsAgain(t: Test, site: Site, { jobId }: RunView): Promise<void> {
  const { body } = await site.call<{ id: string }>('POST', `/api/jobs/${jobId}/runs`)
  const run = await site.until(body.id, hasEnded)
  t.equal(run.state, 'succeeded', run.failure?.message ?? '')
}
