// The stream of one exported file: refused, stalled, broken, aborted, left early.

import { once } from 'node:events'
import type { RequestListener, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket } from 'node:tls'
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

/** A host that is no HTTP server: it says what it likes, once a request has come. */
async function rawSource(t: Test, answer: (socket: TLSSocket, request: string) => void) {
  const server = createServer(
    { cert: identity.certificatePem, key: identity.privateKey.export({ format: 'pem', type: 'pkcs8' }) },
    socket => {
      socket.on('error', () => undefined) // the connection is closed under it
      socket.once('data', (request: Buffer) => answer(socket, request.toString('latin1')))
    },
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const trust = { kind: 'pinned', certificatePem: identity.certificatePem } as const
  const url = new URL(`https://127.0.0.1:${(server.address() as AddressInfo).port}/nfc/a b/disk-0.vmdk?x=1`)
  return { url, trust, what: 'Disk 2000 of web01', stallMs: 5000 }
}

async function readAll(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  // A piece is only valid until the next is asked for.
  for await (const chunk of bytes) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

const never = new AbortController().signal
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

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

t.test('the request is one of HTTP/1.1 for one file, and a cookie can add nothing to it', async t => {
  const requests: string[] = []
  const source = await rawSource(t, (socket, request) => {
    requests.push(request)
    socket.end(`${chunked}0\r\n\r\n`)
  })
  await readAll(await openNfcStream({ ...source, cookie: 'a="b"' }, never))
  t.same(requests, [
    `GET /nfc/a%20b/disk-0.vmdk?x=1 HTTP/1.1\r\nHost: ${source.url.host}\r\nConnection: close\r\nCookie: a="b"\r\n\r\n`,
  ])
  await t.rejects(openNfcStream({ ...source, cookie: 'a=b\r\nX: y' }, never), { code: 'ERR_INVALID_CHAR' })
  t.equal(requests.length, 1)
})

t.test(
  'informational answers, extensions of chunks, trailers and bytes behind the end are no part of the file',
  async t => {
    const source = await rawSource(t, socket => {
      socket.write(
        `HTTP/1.1 100 Continue\r\n\r\n${chunked}3;name=value\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\nHTTP/1.1 500 Other\r\n`,
      )
    })
    t.equal((await readAll(await openNfcStream(source, never))).toString(), 'abc')
  },
)

t.test('an answer without a length ends with its connection', async t => {
  const sent = Buffer.alloc(700_000, 'vmdk')
  const source = await rawSource(t, socket => {
    socket.write('HTTP/1.0 200 OK\r\n\r\n')
    socket.end(sent)
  })
  t.ok(sent.equals(await readAll(await openNfcStream(source, never))))
})

t.test('what is no answer of HTTP, or has headers without end, is a host that cannot be reached', async t => {
  for (const answer of ['SSH-2.0-OpenSSH_9.2\r\n', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}`, '']) {
    const source = await rawSource(t, socket => socket.end(answer))
    await t.rejects(openNfcStream(source, never), { code: 'VCENTER_UNREACHABLE' })
  }
})

t.test('headers that come a byte at a time do not hold a run', async t => {
  const source = await rawSource(t, socket => {
    const drip = setInterval(() => socket.write('X'), 20)
    socket.once('close', () => clearInterval(drip))
  })
  await t.rejects(openNfcStream({ ...source, stallMs: 200 }, never), { code: 'NFC_STALLED', message: /no answer/ })
})

t.test('damage to the framing of the body, and its early end, break the stream where they stand', async t => {
  const cases = {
    'a chunk size that is none': `${chunked}3\r\nabc\r\nxyz\r\n`,
    'a chunk that is too long': `${chunked}3\r\nabcdef\r\n`,
    'an end within a chunk': `${chunked}5\r\nabc`,
    'an end between chunks': `${chunked}3\r\nabc\r\n`,
    'an end before the announced length': 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc',
  }
  for (const [name, answer] of Object.entries(cases)) {
    const source = await rawSource(t, socket => socket.end(answer))
    const pieces: string[] = []
    const reading = async () => {
      for await (const piece of await openNfcStream(source, never)) pieces.push(piece.toString())
    }
    await t.rejects(reading(), { code: 'NFC_INTERRUPTED', message: /after 3 bytes/ }, name)
    t.equal(pieces.join(''), 'abc', `${name}: what came before is given`)
  }
})

t.test('a reader that takes its time holds the host back, and loses nothing', async t => {
  const lengthBytes = 64 * 1024 * 1024
  const block = Buffer.alloc(65_536)
  let sentBytes = 0
  const source = await rawSource(t, socket => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${lengthBytes}\r\n\r\n`)
    const send = () => {
      while (sentBytes < lengthBytes) {
        block.writeUInt32LE(sentBytes / block.length)
        sentBytes += block.length
        if (!socket.write(Buffer.from(block))) return socket.once('drain', send)
      }
    }
    send()
  })
  const bytes = await openNfcStream(source, never)
  let previous = -1
  for (let looks = 0; sentBytes !== previous; looks++) {
    previous = sentBytes
    await new Promise(resolve => setTimeout(resolve, 100))
    t.ok(looks < 50, 'it stands still')
  }
  // What the sockets of both sides and our own buffers hold.
  t.ok(sentBytes < lengthBytes / 2, `${sentBytes} bytes were sent before any was taken`)
  const got: Buffer[] = []
  for await (const piece of bytes) got.push(Buffer.from(piece))
  const all = Buffer.concat(got)
  t.equal(all.length, lengthBytes)
  for (let at = 0; at < lengthBytes; at += block.length) {
    if (all.readUInt32LE(at) !== at / block.length) t.fail(`other bytes at ${at}`)
  }
})

t.test('a host is trusted by the CA that was uploaded, and by no other; an expired certificate is refused', async t => {
  const authority = makeIdentity({ commonName: 'site CA', isCa: true })
  const signed = makeIdentity({ issuer: authority })
  const server = await serveTls(signed, (_, response) => response.end('vmdk'))
  t.teardown(() => server.close())
  const source = { url: new URL(`https://${server.host}/nfc/t/d.vmdk`), what: 'Disk 2000 of web01', stallMs: 5000 }
  const trusting = (caPem: string) => openNfcStream({ ...source, trust: { kind: 'ca', caPem } }, never)
  t.equal((await readAll(await trusting(authority.certificatePem))).toString(), 'vmdk')
  const other = makeIdentity({ commonName: 'other CA', isCa: true })
  await t.rejects(trusting(other.certificatePem), { code: 'VCENTER_CERTIFICATE_REFUSED' })

  const expired = makeIdentity({ notAfter: new Date(Date.now() - 1000) })
  const old = await serveTls(expired, (_, response) => response.end('vmdk'))
  t.teardown(() => old.close())
  const trust = { kind: 'pinned', certificatePem: expired.certificatePem } as const
  await t.rejects(openNfcStream({ ...source, url: new URL(`https://${old.host}/`), trust }, never), {
    code: 'VCENTER_CERTIFICATE_REFUSED',
  })
})
