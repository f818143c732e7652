// Requests for certificates, read by OpenSSL.
import { execFileSync } from 'node:child_process'
import { createPrivateKey, createPublicKey } from 'node:crypto'
import t from 'tap'
import { asHost, certificateRequest, makeKey, readKey, selfSigned } from '../appliance/make-certificate.ts'

const key = createPrivateKey(makeKey())

t.test('a request is signed by its key and asks for every name and address', async t => {
  const names = [
    'hoist.corp.example',
    'hoist',
    '192.168.10.5',
    'fd00::5',
    ...Array.from({ length: 20 }, (_, i) => `alias-${i}.corp.example`),
  ]
  const pem = certificateRequest(key, names)
  const openssl = (...args: string[]) =>
    execFileSync('openssl', ['req', '-noout', ...args], { input: pem, encoding: 'utf8', stdio: 'pipe' })
  const text = openssl('-verify', '-text')
  t.match(text, /Subject: CN *= *hoist\.corp\.example, O *= *Hoist/)
  for (const name of names.filter(one => !one.includes(':'))) t.ok(text.includes(name), name)
  t.match(text, /FD00:0:0:0:0:0:0:5/)
  t.match(text, /TLS Web Server Authentication/)
  t.equal(openssl('-pubkey').trim(), createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString().trim())
})

t.test('a certificate of its own is for the host and for loopback', async t => {
  const pem = selfSigned(key, 'Box-1', { now: new Date(), days: 2 })
  const text = execFileSync('openssl', ['x509', '-noout', '-text'], { input: pem, encoding: 'utf8' })
  t.match(text, /DNS:localhost, DNS:box-1, IP Address:127\.0\.0\.1/)
})

t.test('what is no key is none, and what is no host name is localhost', async t => {
  t.equal(readKey('none'), undefined)
  t.equal(asHost('Host.Example'), 'host.example')
  t.equal(asHost('bad name'), 'localhost')
})
