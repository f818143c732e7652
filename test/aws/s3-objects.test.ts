import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { abortUploads, deleteObject, listUnfinishedUploads } from '../../appliance/aws/s3-objects.ts'
import { awsCli, awsLab, connect, makeBucket } from './aws-lab.ts'

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const { accountId } = lab.aws
  const start = (key: string) => clients.s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }))

  t.test('a deleted object is gone, and deleting it again is no error', async t => {
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'run/disk.vmdk', Body: 'x' }))
    await deleteObject({ clients, bucket, key: 'run/disk.vmdk', accountId })
    const { Contents: left } = (await awsCli(lab, 's3api', 'list-objects-v2', '--bucket', bucket)) ?? {}
    t.equal(left, undefined)
    await deleteObject({ clients, bucket, key: 'run/disk.vmdk', accountId })
  })

  t.test('all unfinished uploads are listed, by prefix if asked', async t => {
    for (const key of ['run-1/a', 'run-1/b', 'run-2/a']) await start(key)
    const all = await listUnfinishedUploads({ clients, bucket, accountId })
    t.same(all.map(upload => upload.key).sort(), ['run-1/a', 'run-1/b', 'run-2/a'])
    const some = await listUnfinishedUploads({ clients, bucket, accountId, prefix: 'run-1/' })
    t.equal(some.length, 2)
  })

  t.test('aborting a key ends uploads whose id was never learnt, and no other key', async t => {
    await start('run-1/a')
    await abortUploads({ clients, bucket, key: 'run-1/a', accountId })
    const left = await listUnfinishedUploads({ clients, bucket, accountId })
    t.same(left.map(upload => upload.key).sort(), ['run-1/b', 'run-2/a'])
    await abortUploads({ clients, bucket, key: 'run-1/a', accountId })
  })
})
