// Release bundles in a bucket of the lab, under exactly the documented policy.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { listReleaseObjects, openReleaseObject } from '../../appliance/aws/release-objects.ts'
import { awsCliBytes, awsLab, connect, makeBucket } from './aws-lab.ts'

t.test('bundles that the owner has put there are listed and read; the connector cannot write them', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const input = { clients, bucket, accountId: lab.aws.accountId }
  t.same(await listReleaseObjects(input), [])
  const file = join(t.testdir({}), 'bundle')
  writeFileSync(file, Buffer.alloc(100_000, 7))
  for (const key of ['releases/hoist-1.1.0.tar', 'releases/hoist-1.1.0.tar.sha256', 'logs/hoist-9.0.0.tar'])
    await awsCliBytes(lab, 's3api', 'put-object', '--bucket', bucket, '--key', key, '--body', file)
  t.match(await listReleaseObjects(input), [{ key: 'releases/hoist-1.1.0.tar', sizeBytes: 100_000, modifiedAt: /Z$/ }])
  const { content, sizeBytes } = await openReleaseObject({ ...input, key: 'releases/hoist-1.1.0.tar' })
  t.equal(sizeBytes, 100_000)
  t.ok(Buffer.concat(await Array.fromAsync(content)).equals(Buffer.alloc(100_000, 7)))
  await t.rejects(openReleaseObject({ ...input, key: 'releases/none.tar' }), { code: 'NOT_FOUND' })
  await t.rejects(openReleaseObject({ ...input, key: 'logs/hoist-9.0.0.tar' }), { code: 'AWS_PERMISSION_MISSING' })
})
