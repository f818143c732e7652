// How fast one worker decodes, checks and hashes a VMDK as the appliance does beside an upload: prints one JSON line.
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createVmdkDigestPool } from '../../appliance/disk/vmdk-digest.ts'
import { peakRssBytes } from './measure.ts'

const CHUNK_BYTES = 2 ** 20
/** As many as an upload holds in parts: enough that the reader of the file never waits for the worker. */
const CHUNKS = 16

const [vmdk, sizeBytes] = process.argv.slice(2)
if (vmdk === undefined || sizeBytes === undefined) throw new Error('usage: decode-vmdk.ts VMDK SIZE_BYTES')
const directory = await mkdtemp(join(tmpdir(), 'hoist-bench-decode-'))
const pool = createVmdkDigestPool({ workers: 1 })
try {
  await using file = await open(vmdk, 'r')
  const started = performance.now()
  const digest = pool.startVmdkDigest({
    diskLabel: vmdk,
    sizeBytesExpected: Number(sizeBytes),
    manifestPath: join(directory, 'manifest'),
    maxBytesInFlight: (CHUNKS - 2) * CHUNK_BYTES,
  })
  const chunks = Array.from({ length: CHUNKS }, () => Buffer.from(new SharedArrayBuffer(CHUNK_BYTES)))
  for (let turn = 0; ; turn++) {
    const chunk = chunks[turn % CHUNKS] as Buffer
    const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES)
    if (bytesRead === 0) break
    await digest.push(chunk.subarray(0, bytesRead))
  }
  const { bytesDecoded, streamBytes } = await digest.finish()
  const seconds = (performance.now() - started) / 1000
  const mbPerSecond = Math.round(bytesDecoded / seconds / 1e6)
  const figures = {
    mbPerSecond,
    seconds: Number(seconds.toFixed(2)),
    bytesDecoded,
    streamBytes,
    rssPeakBytes: await peakRssBytes('self'),
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
} finally {
  await pool.close()
  await rm(directory, { recursive: true, force: true })
}
