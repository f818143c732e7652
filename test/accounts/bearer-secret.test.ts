// Secrets of browsers and scripts, and what is kept of them.
import t from 'tap'
import { csrfOf, hashOf, newSecret, sameText } from '../../appliance/accounts/bearer-secret.ts'

t.test('a secret has 256 bit and is never the same', async t => {
  const secrets = new Set(Array.from({ length: 1000 }, () => newSecret()))
  t.equal(secrets.size, 1000)
  for (const secret of secrets) t.match(secret, /^[\w-]{43}$/)
  t.match(newSecret('hoist_'), /^hoist_[\w-]{43}$/)
})

t.test('hash and CSRF value belong to the secret, and neither gives it or the other away', async t => {
  t.equal(hashOf('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  t.equal(csrfOf('a'), csrfOf('a'))
  t.not(csrfOf('a'), csrfOf('b'))
  const secret = newSecret()
  t.notOk(csrfOf(secret).includes(secret.slice(0, 8)))
  t.not(Buffer.from(csrfOf(secret), 'base64url').toString('hex'), hashOf(secret))
})

t.test('texts are compared whole', async t => {
  t.equal(sameText('', ''), true)
  t.equal(sameText('abc', 'abc'), true)
  for (const other of ['', 'ab', 'abcd', 'abd', 'ABC', 'abc\u0000']) t.equal(sameText('abc', other), false, other)
})
