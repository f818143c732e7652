// Taking back what a failed run made: and saying so when that cannot be done.
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { findLeftovers } from '../demo/verify.ts'
import { startSite } from '../site.ts'
import { quickAws } from './endings.ts'

const mib = 1024 * 1024
const site = await startSite({
  aws: quickAws,
  vms: ['clean', 'stuck'].map((name, index) => ({
    name,
    disks: [{ sizeBytes: 8 * mib, kind: 'data' as const, fill: 0.5, seed: index + 1 }],
  })),
})
t.teardown(() => site.stop())
await site.setUp()

t.test('manifests of a failed run go with its objects', async t => {
  await site.lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: Disk validation failed' } })
  const run = await site.replicate('clean')
  t.match(run, { state: 'failed', disks: [{ objectDeleted: true }] })
  await t.rejects(access(join(site.dataDir, 'manifests', run.jobId, run.id)))
  t.same(await findLeftovers(site.lab), [])
})

t.test('an object that cannot be deleted is named in a warning, and the failure stays the first one', async t => {
  await site.lab.awsControl('POST', '/imports', { next: { fail: 'ClientError: Disk validation failed' } })
  const { id } = await site.lab.awsControl<{ id: string }>('POST', '/faults', {
    service: 's3',
    operation: 'DeleteObject',
    kind: 'error',
    code: 'AccessDenied',
    message: 'Access Denied',
    statusCode: 403,
    times: -1,
  })
  const run = await site.replicate('stuck')
  await site.lab.awsControl('DELETE', `/faults/${id}`)
  t.match(run, { state: 'failed', failure: { code: 'IMPORT_REFUSED' } })
  const [disk] = run.disks
  const warning = run.warnings.find(({ message }) => message.includes(`s3://${disk?.bucket}/${disk?.objectKey}`))
  t.match(warning, { code: 'AWS_PERMISSION_MISSING', hint: /./ })
  t.same(await findLeftovers(site.lab), [`object s3://${disk?.bucket}/${disk?.objectKey}`])
})
