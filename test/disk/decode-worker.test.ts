import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { DecodeRequest } from '../../appliance/disk/decode-worker.ts'
import { writeVmdkStream } from '../../appliance/disk/vmdk-stream-writer.ts'
import { blocksOf } from './sample-disks.ts'

t.test('the worker answers each chunk, gives a result at the end, and an error as its parts', async t => {
  const worker = new Worker(new URL('../../appliance/disk/decode-worker.ts', import.meta.url))
  t.teardown(() => worker.terminate())
  const ask = async (request: DecodeRequest) => {
    worker.postMessage(request)
    return (await once(worker, 'message'))[0]
  }
  const bytes = Buffer.alloc(2 ** 20, 'worker')
  const { signal } = new AbortController()
  const stream = Buffer.concat(
    await Array.fromAsync(writeVmdkStream(blocksOf(bytes), { capacityBytes: bytes.length, workers: 0, signal })),
  )
  const manifestPath = join(t.testdir(), 'manifest')
  const open: DecodeRequest = { kind: 'open', id: 1, diskLabel: 'web01', sizeBytesExpected: bytes.length, manifestPath }
  worker.postMessage(open)
  t.match(await ask({ kind: 'chunk', id: 1, chunk: stream }), {
    kind: 'consumed',
    id: 1,
    bytes: stream.length,
    positionBytes: bytes.length,
  })
  t.match(await ask({ kind: 'finish', id: 1 }), {
    kind: 'finished',
    id: 1,
    result: { blocks: 2, streamBytes: stream.length },
  })
  worker.postMessage({ ...open, id: 2, manifestPath: `${manifestPath}-2` })
  t.match(await ask({ kind: 'finish', id: 2 }), {
    kind: 'failed',
    id: 2,
    failure: { code: 'VMDK_TRUNCATED', statusCode: 502, hint: /./ },
  })
  t.match(
    await ask({ kind: 'chunk', id: 2, chunk: stream }),
    { kind: 'consumed' },
    'what still arrives is only counted',
  )
  worker.postMessage({ ...open, id: 3, manifestPath: `${manifestPath}-3` })
  t.match(await ask({ kind: 'close', id: 3 }), { kind: 'closed', id: 3 })
  t.same(
    [existsSync(manifestPath), existsSync(`${manifestPath}-2.partial`), existsSync(`${manifestPath}-3.partial`)],
    [true, false, false],
  )
})
