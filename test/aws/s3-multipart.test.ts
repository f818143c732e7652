import { randomBytes } from 'node:crypto'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { beginMultipart, joinParts } from '../../appliance/aws/s3-multipart.ts'
import { listUnfinishedUploads } from '../../appliance/aws/s3-objects.ts'
import { sendPart } from '../../appliance/aws/s3-part.ts'
import { awsCliBytes, awsLab, connect, makeBucket } from './aws-lab.ts'

const mib = 1024 * 1024

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const { accountId } = lab.aws
  const { signal } = new AbortController()
  const targetOf = (Key: string) => ({ Bucket: bucket, Key, ExpectedBucketOwner: accountId })
  const fault = (body: Record<string, unknown>) =>
    lab.awsControl('POST', '/faults', { service: 's3', operation: 'CompleteMultipartUpload', ...body })
  const read = (key: string) => awsCliBytes(lab, 's3', 'cp', `s3://${bucket}/${key}`, '-')
  /** Two parts in S3, ready to be joined. */
  const prepare = async (key: string) => {
    const target = targetOf(key)
    const { uploadId } = await beginMultipart({ clients, target, tags: {}, signal })
    const bytes = randomBytes(5 * mib + 99)
    const pieces = [bytes.subarray(0, 5 * mib), bytes.subarray(5 * mib)]
    const parts = await Promise.all(
      pieces.map((part, index) => sendPart({ clients, target, uploadId, index, part, signal })),
    )
    return { bytes, join: () => joinParts({ clients, target, uploadId, parts, sizeBytes: bytes.length, signal }) }
  }

  t.test("an object of the run's earlier life is replaced", async t => {
    const { bytes, join } = await prepare('runs/r1/a.vmdk')
    await clients.s3.send(new PutObjectCommand({ ...targetOf('runs/r1/a.vmdk'), Body: randomBytes(bytes.length) }))
    const etag = await join()
    t.match(etag, /-2"$/)
    t.ok((await read('runs/r1/a.vmdk')).equals(bytes))
  })

  t.test('an answer that was lost is made up for by the object itself', async t => {
    const { bytes, join } = await prepare('runs/r1/b.vmdk')
    await join()
    t.match(await join(), /-2"$/, 'joined already')
    t.ok((await read('runs/r1/b.vmdk')).equals(bytes))
  })

  t.test('an answer lost on its way back costs a request, not the object', async t => {
    const { bytes, join } = await prepare('runs/r1/lost.vmdk')
    await fault({ kind: 'loseAnswer' })
    t.match(await join(), /-2"$/)
    t.ok((await read('runs/r1/lost.vmdk')).equals(bytes))
  })

  t.test('a conflict that passes is waited for', async t => {
    const { bytes, join } = await prepare('runs/r1/conflict.vmdk')
    const code = 'ConditionalRequestConflict'
    await fault({ kind: 'error', code, message: 'The conditional request cannot succeed', statusCode: 409 })
    await join()
    t.ok((await read('runs/r1/conflict.vmdk')).equals(bytes))
  })

  t.test('an upload that is gone is no success while there is no such object', async t => {
    const { join } = await prepare('runs/r1/c.vmdk')
    await fault({ kind: 'error', code: 'NoSuchUpload', message: 'The upload does not exist', statusCode: 404 })
    await t.rejects(join(), { code: 'UPLOAD_FAILED', message: /no object/ })
    await fault({ kind: 'error', code: 'InvalidPart', message: 'A part could not be found', statusCode: 400 })
    await t.rejects(join(), { code: 'UPLOAD_FAILED', message: /not the one that was sent/ })
    await join()
  })

  t.test('a begun upload goes on with its parts, one without an id is begun anew', async t => {
    const target = targetOf('runs/r1/d.vmdk')
    const { uploadId } = await beginMultipart({ clients, target, tags: {}, signal })
    await sendPart({ clients, target, uploadId, index: 0, part: randomBytes(5 * mib), signal })
    const again = await beginMultipart({ clients, target, tags: {}, resume: { uploadId }, signal })
    t.equal(again.uploadId, uploadId)
    t.same([...again.listed.keys()], [1])
    const anew = await beginMultipart({ clients, target, tags: {}, resume: {}, signal })
    t.not(anew.uploadId, uploadId)
    t.equal(anew.listed.size, 0)
    const left = await listUnfinishedUploads({ clients, bucket, accountId, prefix: target.Key })
    t.same(
      left.map(upload => upload.uploadId),
      [anew.uploadId],
    )
  })

  t.test('a cancellation while an upload is begun leaves none', async t => {
    const stop = new AbortController()
    const create = { operation: 'CreateMultipartUpload', kind: 'delay', delayMs: 200 }
    await fault(create)
    setTimeout(() => stop.abort(new Error('cancelled')), 100)
    const begun = beginMultipart({ clients, target: targetOf('runs/r1/e.vmdk'), tags: {}, signal: stop.signal })
    await t.rejects(begun, { message: 'cancelled' })
    t.same(await listUnfinishedUploads({ clients, bucket, accountId, prefix: 'runs/r1/e' }), [])
  })
})
