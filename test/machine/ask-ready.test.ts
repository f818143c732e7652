// The question whether the service is ready, over TLS.
import { createPrivateKey } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { askReady } from '../../appliance/machine/ask-ready.ts'
import { makeKey, selfSigned } from '../../appliance/make-certificate.ts'
import { ensureWebCertificate } from '../../appliance/web-certificate.ts'

const signal = new AbortController().signal

t.test('200 of whoever shows the certificate is ready; anything else is not', async t => {
  const directory = t.testdir({ own: {}, other: {} })
  const own = await ensureWebCertificate(join(directory, 'own'))
  await ensureWebCertificate(join(directory, 'other'))
  let status = 200
  const server = createServer({ key: own.key, cert: own.cert }, (request, response) => {
    response.writeHead(request.url === '/api/health/ready' ? status : 404).end('{}')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const certificate = join(directory, 'own/web.crt')
  t.equal(await askReady(port, certificate, signal), true)
  status = 503
  t.equal(await askReady(port, certificate, signal), false)
  await t.rejects(askReady(port, join(directory, 'other/web.crt'), signal))
  await t.rejects(askReady(port, certificate, AbortSignal.abort(new Error('given up'))))
})

t.test('a certificate that has ended, or is not valid yet, is that of the service all the same', async t => {
  const key = makeKey()
  for (const year of [2020, 2120]) {
    const cert = selfSigned(createPrivateKey(key), 'hoist', { now: new Date(`${year}-01-01T00:00:00Z`), days: 2 })
    const server = createServer({ key, cert }, (_, response) => response.end('{}'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const certificate = join(t.testdir({ 'web.crt': cert }), 'web.crt')
    t.equal(await askReady((server.address() as AddressInfo).port, certificate, signal), true, String(year))
  }
})

t.test('a link, a directory and a huge file are no certificates', async t => {
  const directory = t.testdir({ file: 'x' })
  const at = (name: string) => join(directory, name)
  symlinkSync(at('file'), at('link'))
  mkdirSync(at('directory'))
  writeFileSync(at('huge'), Buffer.alloc(300 * 1024))
  for (const name of ['link', 'directory', 'huge', 'none']) await t.rejects(askReady(1, at(name), signal), name)
})
