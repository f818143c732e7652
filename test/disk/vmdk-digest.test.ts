import { createHash } from 'node:crypto'
import diagnostics from 'node:diagnostics_channel'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { ManifestWriter } from '../../appliance/disk/manifest.ts'
import { createVmdkDigestPool, type VmdkDigest } from '../../appliance/disk/vmdk-digest.ts'
import { writeVmdkStream } from '../../appliance/disk/vmdk-stream-writer.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { blocksOf, fillNoise, sampleDisks, seededNumbers } from './sample-disks.ts'

async function streamOf(bytes: Buffer): Promise<Buffer> {
  const { signal } = new AbortController()
  return Buffer.concat(
    await Array.fromAsync(writeVmdkStream(blocksOf(bytes), { capacityBytes: bytes.length, workers: 0, signal })),
  )
}

async function pushAll(digest: VmdkDigest, stream: Buffer, pieceBytes: number): Promise<void> {
  for (let at = 0; at < stream.length; at += pieceBytes) await digest.push(stream.subarray(at, at + pieceBytes))
}

const noise = Buffer.alloc(6 * 2 ** 20)
fillNoise(noise, seededNumbers(51))

t.test('several disks at once: each gets its checksums and its manifest', async t => {
  const directory = t.testdir()
  const pool = createVmdkDigestPool()
  t.teardown(() => pool.close())
  await Promise.all(
    sampleDisks(52).map(async ({ name, bytes }, number) => {
      const stream = await streamOf(bytes)
      const manifestPath = join(directory, String(number))
      const digest = pool.startVmdkDigest({ diskLabel: name, sizeBytesExpected: bytes.length, manifestPath })
      await pushAll(digest, stream, 100_000)
      const result = await digest.finish()
      const writer = new ManifestWriter(`${manifestPath}.expected`, bytes.length)
      for (const { index, data } of blocksOf(bytes)) writer.add(index, data)
      const { sha256: manifestSha256, blocks, zeroBlocks } = writer.finish()
      t.same(
        result,
        {
          capacityBytes: bytes.length,
          streamBytes: stream.length,
          sha1: createHash('sha1').update(stream).digest('hex'),
          blocks,
          zeroBlocks,
          bytesDecoded: [...blocksOf(bytes)].reduce((sum, { data }) => sum + data.length, 0),
          manifestSha256,
        },
        name,
      )
      t.ok(digest.positionBytes > 0 || result.bytesDecoded === 0)
      t.ok(digest.positionBytes <= result.capacityBytes)
      t.ok(readFileSync(manifestPath).equals(readFileSync(`${manifestPath}.expected`)), `${name}: manifest`)
      await digest.close()
    }),
  )
})

t.test('shared memory is decoded in place, and may be used again once it was consumed', async t => {
  const directory = t.testdir()
  const pool = createVmdkDigestPool({ workers: 1 })
  t.teardown(() => pool.close())
  const stream = await streamOf(noise)
  const options = { diskLabel: 'noise', sizeBytesExpected: noise.length, manifestPath: join(directory, 'manifest') }
  const digest = pool.startVmdkDigest(options)
  const part = Buffer.from(new SharedArrayBuffer(2 ** 20))
  for (let at = 0; at < stream.length; at += part.length) {
    const filled = stream.copy(part, 0, at)
    await digest.push(part.subarray(0, filled))
    await digest.consumed()
    part.fill(0xee)
  }
  t.equal((await digest.finish()).sha1, createHash('sha1').update(stream).digest('hex'))
})

t.test('memory is free once it was consumed, while what was pushed later still waits', async t => {
  const pool = createVmdkDigestPool({ workers: 1 })
  t.teardown(() => pool.close())
  const manifestPath = join(t.testdir(), 'manifest')
  const digest = pool.startVmdkDigest({ diskLabel: 'noise', sizeBytesExpected: noise.length, manifestPath })
  const stream = await streamOf(noise)
  const half = stream.length >> 1
  void digest.push(stream.subarray(0, half))
  const first = digest.consumed()
  void digest.push(stream.subarray(half))
  await first
  t.ok(digest.positionBytes < 0.75 * noise.length)
  await digest.consumed()
  t.equal((await digest.finish()).streamBytes, stream.length)
})

t.test('push makes the caller wait while too much is on its way', async t => {
  const pool = createVmdkDigestPool({ workers: 1 })
  t.teardown(() => pool.close())
  const options = {
    diskLabel: 'noise',
    sizeBytesExpected: noise.length,
    manifestPath: join(t.testdir(), 'm'),
    maxBytesInFlight: 300_000,
  }
  const digest = pool.startVmdkDigest(options)
  const stream = await streamOf(noise)
  t.equal(digest.push(stream.subarray(0, 200_000)), undefined)
  const waiting = digest.push(stream.subarray(200_000, 400_000))
  t.ok(waiting instanceof Promise)
  await waiting
})

t.test(
  'an error of the decoder comes back with its code and hint from every call, and no manifest is left',
  async t => {
    const directory = t.testdir()
    const pool = createVmdkDigestPool({ workers: 1 })
    t.teardown(() => pool.close())
    const start = (name: string, sizeBytesExpected = noise.length) =>
      pool.startVmdkDigest({
        diskLabel: `web01, ${name}`,
        sizeBytesExpected,
        manifestPath: join(directory, name),
        maxBytesInFlight: 1,
      })
    const stream = await streamOf(noise)
    const broken = Buffer.from(stream)
    broken.writeUInt8(broken.readUInt8(3_000_000) ^ 1, 3_000_000)
    const corrupt = start('corrupt')
    const healthy = start('healthy')
    await t.rejects(pushAll(corrupt, broken, 500_000), {
      code: 'VMDK_CORRUPT_GRAIN',
      hint: /./,
      message: /web01, corrupt/,
    })
    const error = await corrupt.finish().catch((thrown: unknown) => thrown)
    t.ok(error instanceof ApplianceError)
    await t.rejects(Promise.resolve(corrupt.push(stream)), { code: 'VMDK_CORRUPT_GRAIN' })
    await t.rejects(
      corrupt.consumed().then(() => corrupt.finish()),
      { code: 'VMDK_CORRUPT_GRAIN' },
    )
    await corrupt.close()
    const cut = start('cut')
    await pushAll(cut, stream.subarray(0, 1_000_000), 300_000)
    await t.rejects(cut.finish(), { code: 'VMDK_TRUNCATED' })
    await t.rejects(Promise.resolve(start('resized', 512).push(stream)), {
      code: 'VMDK_SIZE_MISMATCH',
      statusCode: 409,
    })
    await pushAll(healthy, stream, 500_000)
    t.equal((await healthy.finish()).capacityBytes, noise.length, 'others on the same worker go on')
    t.same(readdirSync(directory), ['healthy'])
    const nowhere = pool.startVmdkDigest({
      diskLabel: 'x',
      sizeBytesExpected: 512,
      manifestPath: join(directory, 'none', 'm'),
    })
    await t.rejects(nowhere.finish(), { code: 'INTERNAL', message: /ENOENT/ })
  },
)

t.test('closing or aborting gives up: waiters are told, and the part of a manifest is removed', async t => {
  const directory = t.testdir()
  const pool = createVmdkDigestPool({ workers: 1 })
  const stream = await streamOf(noise)
  const options = { diskLabel: 'noise', sizeBytesExpected: noise.length, maxBytesInFlight: 1 }
  const closed = pool.startVmdkDigest({ ...options, manifestPath: join(directory, 'closed') })
  const waiting = closed.push(stream)
  const told = t.rejects(Promise.resolve(waiting), { code: 'DIGEST_CLOSED' })
  await closed.close()
  await told
  await closed.close()
  const stop = new AbortController()
  const aborted = pool.startVmdkDigest({ ...options, manifestPath: join(directory, 'aborted'), signal: stop.signal })
  stop.abort(new Error('cancelled by ann'))
  await t.rejects(aborted.finish(), { code: 'DIGEST_CLOSED', cause: { message: 'cancelled by ann' } })
  const early = pool.startVmdkDigest({
    ...options,
    manifestPath: join(directory, 'early'),
    signal: AbortSignal.abort(),
  })
  await t.rejects(early.finish(), { code: 'DIGEST_CLOSED' })
  const open = pool.startVmdkDigest({ ...options, manifestPath: join(directory, 'open') })
  await pool.close()
  await t.rejects(open.finish(), { code: 'DIGEST_CLOSED' })
  t.same(readdirSync(directory), [])
})

t.test('a worker that dies fails its digests by name, and the next disk gets a new one', async t => {
  const directory = t.testdir()
  const workers: Worker[] = []
  const seen = (message: unknown) => workers.push((message as { worker: Worker }).worker)
  diagnostics.subscribe('worker_threads', seen)
  t.teardown(() => diagnostics.unsubscribe('worker_threads', seen))
  const pool = createVmdkDigestPool({ workers: 1 })
  t.teardown(() => pool.close())
  const options = { diskLabel: 'noise', sizeBytesExpected: noise.length, manifestPath: join(directory, 'm') }
  const lost = pool.startVmdkDigest(options)
  await workers[0]?.terminate()
  await t.rejects(lost.finish(), { code: 'DIGEST_FAILED' })
  await lost.close()
  const next = pool.startVmdkDigest(options)
  await pushAll(next, await streamOf(noise), 2 ** 20)
  t.equal((await next.finish()).blocks, 12)
  t.equal(workers.length, 2)
})
