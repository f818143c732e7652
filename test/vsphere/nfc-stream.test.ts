// The stream of one exported file: refused, stalled, broken, aborted, left early.

import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { openNfcStream } from '../../appliance/vsphere/nfc-stream.ts'
import { makeIdentity, serveTls } from './tls-server.ts'

const identity = makeIdentity()

async function sourceOf(t: Test, listener: RequestListener) {
  const server = await serveTls(identity, listener)
  t.teardown(() => server.close())
  const trust = { kind: 'pinned', certificatePem: identity.certificatePem } as const
  return {
    url: new URL(`https://${server.host}/nfc/token/disk-0.vmdk`),
    trust,
    what: 'Disk 2000 of web01',
    stallMs: 5000,
  }
}

async function readAll(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of bytes) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const never = new AbortController().signal

t.test('bytes arrive as they were sent, with the cookie that was given and none otherwise', async t => {
  const sent = Buffer.alloc(5_000_000, 'vmdk')
  const cookies: unknown[] = []
  const source = await sourceOf(t, (request, response) => {
    cookies.push(request.headers.cookie)
    response.end(sent)
  })
  t.ok(sent.equals(await readAll(await openNfcStream(source, never))))
  await readAll(await openNfcStream({ ...source, cookie: 'vmware_soap_session="x"' }, never))
  t.same(cookies, [undefined, 'vmware_soap_session="x"'])
})

t.test('each refusal of a host says what it means, with a hint of its own', async t => {
  let status = 0
  const source = await sourceOf(t, (_, response) => response.writeHead(status).end('no'))
  const hints = new Set<string>()
  for (status of [401, 403, 404, 500, 503, 418]) {
    const error = await openNfcStream(source, never).catch(thrown => thrown)
    t.match(error, { code: 'NFC_REFUSED', message: new RegExp(`^Disk 2000 of web01: .*HTTP ${status}`) })
    hints.add(error.hint)
  }
  t.equal(hints.size, 6)
})

t.test('a reset names the offset that was reached, and so does a connection that ends inside a chunk', async t => {
  const source = await sourceOf(t, (_, response) => {
    response.write(Buffer.alloc(100_000), () => response.destroy())
  })
  await t.rejects(openNfcStream(source, never).then(readAll), {
    code: 'NFC_INTERRUPTED',
    message: /^Disk 2000 of web01: the stream broke after 100000 bytes/,
  })
})

t.test('a host that falls silent is given up, before its answer and in the middle of it', async t => {
  const silent = await sourceOf(t, () => undefined)
  await t.rejects(openNfcStream({ ...silent, stallMs: 100 }, never), { code: 'NFC_STALLED', message: /no answer/ })
  const halfway = await sourceOf(t, (_, response) => {
    response.write('abc')
  })
  const bytes = await openNfcStream({ ...halfway, stallMs: 100 }, never)
  await t.rejects(readAll(bytes), { code: 'NFC_STALLED', message: /after 3 bytes: no byte for 0.1 s/ })
})

t.test('a slow reader is not a stalled host', async t => {
  const source = await sourceOf(t, (_, response) => {
    response.end(Buffer.alloc(300_000))
  })
  const bytes = await openNfcStream({ ...source, stallMs: 40 }, never)
  let total = 0
  for await (const chunk of bytes) {
    total += chunk.length
    // Longer than the stall time, spent by us.
    if (total === chunk.length) await new Promise(resolve => setTimeout(resolve, 120))
  }
  t.equal(total, 300_000)
})

t.test('an abort ends the transfer with its own reason and closes the connection, read or not', async t => {
  const closed: Promise<unknown>[] = []
  const source = await sourceOf(t, (_, response: ServerResponse) => {
    closed.push(once(response, 'close'))
    response.write('abc')
  })
  for (const read of [true, false]) {
    const abort = new AbortController()
    const bytes = await openNfcStream(source, abort.signal)
    const reading = read ? readAll(bytes) : Promise.reject(new Error('cancelled'))
    abort.abort(new Error('cancelled'))
    await t.rejects(reading, { message: 'cancelled' })
  }
  await t.rejects(openNfcStream(source, AbortSignal.abort(new Error('too late'))), { message: 'too late' })
  await Promise.all(closed)
})

t.test('leaving the stream early closes the connection', async t => {
  const closed = Promise.withResolvers<void>()
  const source = await sourceOf(t, (_, response) => {
    response.once('close', closed.resolve)
    response.write(Buffer.alloc(1_000_000))
  })
  for await (const chunk of await openNfcStream(source, never)) {
    t.ok(chunk.length > 0)
    break
  }
  await closed.promise
})

t.test('a host with another certificate than the pinned one gets no request', async t => {
  let requests = 0
  const source = await sourceOf(t, () => {
    requests += 1
  })
  const trust = { kind: 'pinned', certificatePem: makeIdentity().certificatePem } as const
  await t.rejects(openNfcStream({ ...source, trust, cookie: 'secret' }, never), { code: 'VCENTER_CERTIFICATE_CHANGED' })
  t.equal(requests, 0)
})
