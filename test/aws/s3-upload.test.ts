import { createHash } from 'node:crypto'
import t from 'tap'
import { createPartBuffers } from '../../appliance/aws/part-buffers.ts'
import { listUnfinishedUploads } from '../../appliance/aws/s3-objects.ts'
import { createPartUpload, type PartUploadOptions, partSizeFor } from '../../appliance/aws/s3-upload.ts'
import { awsCli, awsCliBytes, awsLab, connect, makeBucket } from './aws-lab.ts'
import { chunks } from './seeded-stream.ts'

const mib = 1024 * 1024
const tags = { Name: 'web01', 'hoist:connector': 'c0ffee00', 'hoist:run': 'r1' }

t.test('a part size lets the stream of a disk that cannot be compressed fit 10,000 parts', async t => {
  t.equal(partSizeFor(0), 8 * mib)
  t.equal(partSizeFor(64 * 1024 ** 3), 8 * mib)
  for (const capacity of [100e9, 500e9, 2 * 1024 ** 4]) {
    const size = partSizeFor(capacity)
    t.equal(size % mib, 0)
    t.ok(size * 10_000 >= (capacity / 65_536) * 66_560 + (capacity / (32 * mib)) * 2_560, `${capacity}`)
    t.ok(size * 10_000 < capacity * 1.06 + 10_000 * mib, 'and is not far larger than it must be')
  }
})

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients, retries } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const buffers = createPartBuffers(32 * mib)
  const { accountId } = lab.aws
  const begin = (key: string, more: Partial<PartUploadOptions> = {}) =>
    createPartUpload({ clients, bucket, key, accountId, partBytes: 8 * mib, buffers, tags, ...more })
  const unfinished = () => listUnfinishedUploads({ clients, bucket, accountId })
  const fault = (body: Record<string, unknown>) => lab.awsControl('POST', '/faults', { service: 's3', ...body })

  t.test('the object holds the bytes that were written, as another client reads it', async t => {
    const wanted = createHash('sha256')
    const seen: number[] = []
    let progress = 0
    let most = 0
    const upload = await begin('runs/r1/disk-1.vmdk', {
      onPart: (part, index) => {
        t.ok(part.buffer instanceof SharedArrayBuffer)
        seen[index] = part.length
      },
      onProgress: bytes => {
        progress = bytes
      },
    })
    for (const chunk of chunks(45 * mib + 333, 1)) {
      wanted.update(chunk)
      await upload.write(chunk)
      most = Math.max(most, buffers.inUseBytes)
    }
    const done = await upload.complete()
    t.match(done, { bucket, key: 'runs/r1/disk-1.vmdk', sizeBytes: 45 * mib + 333, partCount: 6 })
    const bytes = await awsCliBytes(lab, 's3', 'cp', `s3://${bucket}/runs/r1/disk-1.vmdk`, '-')
    t.equal(createHash('sha256').update(bytes).digest('hex'), wanted.digest('hex'))
    t.same(seen, [8 * mib, 8 * mib, 8 * mib, 8 * mib, 8 * mib, 5 * mib + 333])
    t.equal(progress, 45 * mib + 333)
    t.ok(most <= 32 * mib)
    t.equal(buffers.inUseBytes, 0)
    t.same(await unfinished(), [])
    t.same(retries, [])
    const { TagSet: found } = JSON.parse(
      (
        await awsCliBytes(lab, 's3api', 'get-object-tagging', '--bucket', bucket, '--key', 'runs/r1/disk-1.vmdk')
      ).toString(),
    )
    t.same(Object.fromEntries(found.map((tag: { Key: string; Value: string }) => [tag.Key, tag.Value])), tags)
  })

  t.test('parts are repeated after a reset, a 500 and SlowDown, and the object is whole', async t => {
    await fault({ operation: 'UploadPart', kind: 'reset', afterBytes: 3 * mib })
    await fault({
      operation: 'UploadPart',
      kind: 'error',
      code: 'InternalError',
      message: 'We encountered an internal error',
      statusCode: 500,
    })
    await fault({
      operation: 'UploadPart',
      kind: 'error',
      code: 'SlowDown',
      message: 'Please reduce your request rate.',
      statusCode: 503,
    })
    const wanted = createHash('sha256')
    const upload = await begin('runs/r1/shaky.vmdk')
    for (const chunk of chunks(30 * mib, 2)) {
      wanted.update(chunk)
      await upload.write(chunk)
    }
    await upload.complete()
    const bytes = await awsCliBytes(lab, 's3', 'cp', `s3://${bucket}/runs/r1/shaky.vmdk`, '-')
    t.equal(createHash('sha256').update(bytes).digest('hex'), wanted.digest('hex'))
    t.same(retries.splice(0).sort(), ['network s3:PutObject', 'server s3:PutObject', 'throttled s3:PutObject'])
  })

  t.test('a part that was damaged on its way is refused by S3 and never becomes part of the object', async t => {
    await fault({ operation: 'UploadPart', kind: 'corruptBody', afterBytes: mib, times: -1 })
    const upload = await begin('runs/r1/damaged.vmdk')
    await t.rejects(async () => {
      for (const chunk of chunks(9 * mib, 3)) await upload.write(chunk)
      await upload.complete()
    })
    await lab.awsControl('DELETE', '/faults')
    await upload.abort()
    t.same(await unfinished(), [])
  })

  t.test('a lost answer to the last request does not lose the object', async t => {
    await fault({ operation: 'CompleteMultipartUpload', kind: 'reset', skip: 0 })
    const upload = await begin('runs/r1/lost-answer.vmdk')
    for (const chunk of chunks(9 * mib, 4)) await upload.write(chunk)
    t.equal((await upload.complete()).sizeBytes, 9 * mib)
    t.same(retries.splice(0), ['network s3:PutObject'])
  })

  t.test('an abort leaves nothing, at whatever moment and however often', async t => {
    const stop = new AbortController()
    const upload = await begin('runs/r1/aborted.vmdk', { signal: stop.signal })
    for (const chunk of chunks(20 * mib, 5)) await upload.write(chunk)
    t.equal((await unfinished()).length, 1)
    stop.abort(new Error('cancelled'))
    await t.rejects(upload.write(Buffer.alloc(mib)), { message: 'cancelled' })
    await t.rejects(upload.complete(), { message: 'cancelled' })
    await upload.abort()
    await upload.abort()
    t.same(await unfinished(), [])
    t.equal(buffers.inUseBytes, 0)
  })

  t.test('a cancellation while the parts are joined waits for the object, so that it can be deleted', async t => {
    const stop = new AbortController()
    const upload = await begin('runs/r1/late.vmdk', { signal: stop.signal })
    for (const chunk of chunks(9 * mib, 8)) await upload.write(chunk)
    await upload.end()
    await fault({ operation: 'CompleteMultipartUpload', kind: 'delay', delayMs: 300 })
    setTimeout(() => stop.abort(new Error('cancelled')), 100)
    await t.rejects(upload.complete(), { message: 'cancelled' })
    await upload.abort()
    const target = ['--bucket', bucket, '--key', 'runs/r1/late.vmdk']
    const object = await awsCli<{ ContentLength: number }>(lab, 's3api', 'head-object', ...target)
    t.equal(object.ContentLength, 9 * mib, 'it is there already, and not only after the clean-up')
  })

  t.test('a digest that refuses a part fails the upload', async t => {
    const upload = await begin('runs/r1/refused.vmdk', {
      onPart: async () => {
        throw new Error('corrupt grain')
      },
    })
    await t.rejects(
      async () => {
        for (const chunk of chunks(30 * mib, 6)) await upload.write(chunk)
        await upload.complete()
      },
      { message: 'corrupt grain' },
    )
    await upload.abort()
    t.equal(buffers.inUseBytes, 0)
    t.same(await unfinished(), [])
  })

  t.test('a buffer is not used again before the digest is done with it', async t => {
    const one = createPartBuffers(8 * mib)
    const { promise, resolve } = Promise.withResolvers<void>()
    const upload = await begin('runs/r1/slow-digest.vmdk', { buffers: one, onPart: () => promise })
    const writing = (async () => {
      for (const chunk of chunks(25 * mib, 7)) await upload.write(chunk)
    })()
    while (upload.uploadedBytes < 16 * mib) await new Promise(done => setTimeout(done, 10))
    t.equal(one.inUseBytes, 16 * mib, 'two parts are in S3 and still held')
    resolve()
    await writing
    t.equal((await upload.complete()).partCount, 4)
  })

  t.test('a wrong owner gets no byte', async t => {
    const other = begin('runs/r1/foreign.vmdk', { accountId: '999999999999' })
    await t.rejects(other, { code: 'AWS_PERMISSION_MISSING' })
  })

  t.test('an upload that nothing was written to, or that ended, is refused', async t => {
    const upload = await begin('runs/r1/empty.vmdk')
    await t.rejects(upload.complete(), { code: 'UPLOAD_FAILED', message: /nothing was written/ })
    await upload.abort()
    await t.rejects(upload.write(Buffer.alloc(1)), { code: 'UPLOAD_FAILED', message: /aborted/ })
  })
})
