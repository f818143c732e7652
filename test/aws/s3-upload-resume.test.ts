import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import { createPartBuffers } from '../../appliance/aws/part-buffers.ts'
import { listUnfinishedUploads } from '../../appliance/aws/s3-objects.ts'
import { createPartUpload, type PartUpload, type PartUploadOptions } from '../../appliance/aws/s3-upload.ts'
import { awsCli, awsCliBytes, awsLab, connect, makeBucket } from './aws-lab.ts'
import { chunks } from './seeded-stream.ts'
import type { UploadOrder } from './upload-child.ts'

const mib = 1024 * 1024
const partBytes = 8 * mib

/** A stream whose bytes are those of `seed` up to `sameBytes`, and others behind it. */
function* differingFrom(totalBytes: number, seed: number, sameBytes: number) {
  let offset = 0
  for (const chunk of chunks(totalBytes, seed)) {
    const copy = Buffer.from(chunk)
    for (let i = Math.max(0, sameBytes - offset); i < copy.length; i += 1000) copy[i] = 255 - (copy[i] ?? 0)
    offset += copy.length
    yield copy
  }
}

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const buffers = createPartBuffers(32 * mib)
  const { accountId } = lab.aws
  const begin = (key: string, more: Partial<PartUploadOptions> = {}) =>
    createPartUpload({ clients, bucket, key, accountId, partBytes, buffers, tags: {}, ...more })
  const unfinished = () => listUnfinishedUploads({ clients, bucket, accountId })
  const sha256Of = async (key: string) =>
    createHash('sha256')
      .update(await awsCliBytes(lab, 's3', 'cp', `s3://${bucket}/${key}`, '-'))
      .digest('hex')
  const write = async (upload: PartUpload, stream: Iterable<Buffer>) => {
    const hash = createHash('sha256')
    for (const chunk of stream) {
      hash.update(chunk)
      await upload.write(chunk)
    }
    return hash.digest('hex')
  }
  const forgetRequests = () => lab.awsControl('DELETE', '/requests')
  const partsSent = async () => {
    const requests = await lab.awsControl<{ operation: string; query: string }[]>('GET', '/requests')
    const sent = requests.filter(({ operation }) => operation === 'UploadPart')
    return sent.map(({ query }) => Number(new URLSearchParams(query).get('partNumber'))).sort((a, b) => a - b)
  }
  /** Leaves the parts of a stream in S3, as SIGTERM does. */
  const leave = async (key: string, stream: Iterable<Buffer>) => {
    const upload = await begin(key)
    await write(upload, stream)
    await upload.end()
    await upload.suspend()
    await forgetRequests()
    return upload.uploadId
  }

  t.test('an upload whose process was killed goes on where it was: what S3 has is not sent again', async t => {
    const key = 'runs/r1/killed.vmdk'
    const stream = { totalBytes: 60 * mib + 77, seed: 11 }
    const { settings } = clients
    const order: UploadOrder = {
      connection: { settings, secret: { secretAccessKey: lab.aws.connector.secretAccessKey } },
      ...{ bucket, key, accountId, partBytes, stream },
    }
    const child = spawn(process.execPath, [join(import.meta.dirname, 'upload-child.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    child.stdin.end(JSON.stringify(order))
    const { uploadId, acknowledged } = await killAfter(child, 20 * mib)
    t.equal((await unfinished()).find(upload => upload.key === key)?.uploadId, uploadId)

    await forgetRequests()
    const progress: number[] = []
    const seen: number[] = []
    const upload = await begin(key, {
      resume: { uploadId },
      onUploadId: async () => {
        t.fail('no new upload is begun')
      },
      onProgress: bytes => progress.push(bytes),
      onPart: (part, index) => {
        seen[index] = part.length
      },
    })
    const wanted = await write(upload, chunks(stream.totalBytes, stream.seed))
    const done = await upload.complete()
    t.equal(upload.uploadId, uploadId)
    t.match(done, { sizeBytes: stream.totalBytes, partCount: 8 })
    t.ok(upload.keptBytes >= acknowledged, `${upload.keptBytes} of at least ${acknowledged} kept`)
    t.ok(upload.keptBytes < stream.totalBytes)
    t.equal((await partsSent()).length, 8 - upload.keptBytes / partBytes)
    t.equal(upload.uploadedBytes, stream.totalBytes)
    t.equal(progress.at(-1), stream.totalBytes)
    t.equal(
      seen.reduce((sum, length) => sum + length, 0),
      stream.totalBytes,
      'a digest sees kept parts too',
    )
    t.equal(await sha256Of(key), wanted)
    t.equal(buffers.inUseBytes, 0)
  })

  t.test('a stream that comes differently from some byte on replaces every part from there', async t => {
    const key = 'runs/r1/differs.vmdk'
    const uploadId = await leave(key, chunks(40 * mib, 12))
    const upload = await begin(key, { resume: { uploadId } })
    const wanted = await write(upload, differingFrom(44 * mib, 12, 19 * mib))
    await upload.complete()
    t.same(await partsSent(), [3, 4, 5, 6])
    t.equal(upload.keptBytes, 16 * mib)
    t.equal(await sha256Of(key), wanted)
  })

  t.test('a shorter stream leaves the parts behind its end out of the object', async t => {
    const key = 'runs/r1/shorter.vmdk'
    const uploadId = await leave(key, chunks(40 * mib, 13))
    const upload = await begin(key, { resume: { uploadId } })
    const wanted = await write(
      upload,
      (function* () {
        let left = 21 * mib
        for (const chunk of chunks(40 * mib, 13)) {
          yield chunk.subarray(0, left)
          left -= Math.min(left, chunk.length)
          if (left === 0) return
        }
      })(),
    )
    const done = await upload.complete()
    t.match(done, { sizeBytes: 21 * mib, partCount: 3 })
    t.same(await partsSent(), [3], 'the last one, which is shorter now')
    t.equal(await sha256Of(key), wanted)
    t.same(await unfinished(), [])
  })

  t.test('a part in S3 that holds other bytes, or was sent without a checksum, is sent again', async t => {
    const key = 'runs/r1/damaged.vmdk'
    const uploadId = await leave(key, chunks(24 * mib, 14))
    const file = join(t.testdir(), 'part')
    const damage = async (part: string, bytes: Buffer) => {
      await writeFile(file, bytes)
      const target = ['--bucket', bucket, '--key', key, '--upload-id', uploadId, '--part-number', part]
      await awsCli(lab, 's3api', 'upload-part', ...target, '--body', file)
    }
    await damage('2', randomBytes(partBytes))
    await forgetRequests()
    const upload = await begin(key, { resume: { uploadId } })
    const wanted = await write(upload, chunks(24 * mib, 14))
    await upload.complete()
    t.same(await partsSent(), [2])
    t.equal(await sha256Of(key), wanted)
  })

  t.test('an upload that S3 no longer knows is begun anew, and the new id is stored before the first part', async t => {
    const key = 'runs/r1/aborted.vmdk'
    const first = await begin(key)
    await first.abort()
    await forgetRequests()
    let stored: string | undefined
    const upload = await begin(key, {
      resume: { uploadId: first.uploadId },
      onUploadId: async uploadId => {
        t.same(await partsSent(), [])
        stored = uploadId
      },
    })
    const wanted = await write(upload, chunks(9 * mib, 15))
    await upload.complete()
    t.not(stored, first.uploadId)
    t.equal(stored, upload.uploadId)
    t.equal(upload.keptBytes, 0)
    t.equal(await sha256Of(key), wanted)
  })

  t.test('an object that an earlier life completed without a record of it is replaced by the new one', async t => {
    const key = 'runs/r1/unrecorded.vmdk'
    const first = await begin(key)
    await write(first, chunks(17 * mib, 16))
    await first.complete()
    const upload = await begin(key, { resume: { uploadId: first.uploadId } })
    const wanted = await write(upload, differingFrom(17 * mib, 16, 0))
    t.equal((await upload.complete()).sizeBytes, 17 * mib)
    t.equal(await sha256Of(key), wanted)
  })

  t.test('an upload whose id was never learnt is removed when the key is begun again', async t => {
    const key = 'runs/r1/unlearnt.vmdk'
    const lost = await begin(key)
    await write(lost, chunks(9 * mib, 17))
    await lost.suspend()
    const upload = await begin(key, { resume: {} })
    t.same(
      (await unfinished()).map(({ uploadId }) => uploadId),
      [upload.uploadId],
    )
    await write(upload, chunks(9 * mib, 17))
    await upload.complete()
    t.same(await unfinished(), [])
  })

  t.test('an id that cannot be stored leaves no upload behind', async t => {
    const full = begin('runs/r1/full.vmdk', {
      onUploadId: async () => {
        throw new Error('no space left on device')
      },
    })
    await t.rejects(full, { message: 'no space left on device' })
    t.same(await unfinished(), [])
  })

  t.test(
    'a suspension stops requests under way, frees all memory and leaves what S3 has; an abort may follow',
    async t => {
      const key = 'runs/r1/suspended.vmdk'
      const upload = await begin(key)
      const { id } = await lab.awsControl<{ id: number }>('POST', '/faults', {
        ...{ service: 's3', operation: 'UploadPart', kind: 'hold', skip: 1, times: -1 },
      })
      const writing = t.rejects(write(upload, chunks(80 * mib, 18)), { code: 'UPLOAD_FAILED', message: /suspended/ })
      while (upload.uploadedBytes === 0 || buffers.inUseBytes < 32 * mib)
        await new Promise(done => setTimeout(done, 10))
      const startedAt = performance.now()
      await upload.suspend()
      t.ok(performance.now() - startedAt < 1_000)
      await writing
      t.equal(buffers.inUseBytes, 0)
      await upload.suspend()
      await t.rejects(upload.write(Buffer.alloc(1)), { message: /suspended/ })
      await lab.awsControl('DELETE', `/faults/${id}`)
      const again = await begin(key, { resume: { uploadId: upload.uploadId } })
      await write(again, chunks(80 * mib, 18))
      await again.end()
      t.equal(again.keptBytes, 8 * mib)
      await again.suspend()
      t.equal((await unfinished()).length, 1)
      await again.abort()
      t.same(await unfinished(), [])
    },
  )
})

/** Kills the child once S3 has so many bytes; gives the upload's id and what had been acknowledged. */
async function killAfter(
  child: ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> },
  bytes: number,
): Promise<{ uploadId: string; acknowledged: number }> {
  let uploadId = ''
  let acknowledged = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const said = JSON.parse(line) as { uploadId?: string; uploadedBytes?: number }
    uploadId = said.uploadId ?? uploadId
    acknowledged = said.uploadedBytes ?? acknowledged
    if (acknowledged >= bytes) break
  }
  child.kill('SIGKILL')
  return { uploadId, acknowledged }
}
