import { CreateMultipartUploadCommand, PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { abortUploads, deleteObject, headObject, listUnfinishedUploads } from '../../appliance/aws/s3-objects.ts'
import { awsCli, awsLab, connect, makeBucket } from './aws-lab.ts'

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const { accountId } = lab.aws
  const start = (key: string) => clients.s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }))

  t.test('a deleted object is gone, and deleting it again is no error', async t => {
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'runs/r1/disk.vmdk', Body: 'x' }))
    await deleteObject({ clients, bucket, key: 'runs/r1/disk.vmdk', accountId })
    const { Contents: left } = (await awsCli(lab, 's3api', 'list-objects-v2', '--bucket', bucket)) ?? {}
    t.equal(left, undefined)
    await deleteObject({ clients, bucket, key: 'runs/r1/disk.vmdk', accountId })
  })

  t.test('a HEAD gives size and checksum, and nothing for what is not there', async t => {
    const key = 'runs/r1/head.vmdk'
    t.equal(await headObject({ clients, bucket, key, accountId }), undefined)
    await clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: 'hello' }))
    // The CRC32 of "hello", as `gzip -v` and others give it: 3610a686.
    t.match(await headObject({ clients, bucket, key, accountId }), { sizeBytes: 5, crc32: 'NhCmhg==' })
    await deleteObject({ clients, bucket, key, accountId })
  })

  t.test('expired credentials are named, though S3 refuses a HEAD without words', async t => {
    const refuse = (operation: string) =>
      lab.awsControl('POST', '/faults', { service: 's3', operation, kind: 'expiredToken' })
    await refuse('HeadObject')
    await refuse('GetObject')
    const key = 'runs/r1/disk.vmdk'
    await t.rejects(headObject({ clients, bucket, key, accountId }), { code: 'AWS_CREDENTIALS_EXPIRED' })
  })

  t.test('all unfinished uploads are listed, by prefix if asked', async t => {
    for (const key of ['runs/1/a', 'runs/1/b', 'runs/2/a']) await start(key)
    const all = await listUnfinishedUploads({ clients, bucket, accountId })
    t.same(all.map(upload => upload.key).sort(), ['runs/1/a', 'runs/1/b', 'runs/2/a'])
    const some = await listUnfinishedUploads({ clients, bucket, accountId, prefix: 'runs/1/' })
    t.equal(some.length, 2)
  })

  t.test('aborting a key ends uploads whose id was never learnt, and no other key', async t => {
    await start('runs/1/a')
    await abortUploads({ clients, bucket, key: 'runs/1/a', accountId })
    const left = await listUnfinishedUploads({ clients, bucket, accountId })
    t.same(left.map(upload => upload.key).sort(), ['runs/1/b', 'runs/2/a'])
    await abortUploads({ clients, bucket, key: 'runs/1/a', accountId })
  })
})
