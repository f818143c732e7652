// What may be written down.
import t from 'tap'
import { withoutSecrets } from '../../appliance/accounts/without-secrets.ts'

t.test('secrets go by the name of their field, at any depth and in any spelling', async t => {
  const secret = 'S3CRET-canary'
  const fields = [
    'password',
    'Password',
    'proxy_password',
    'secretAccessKey',
    'sessionToken',
    'signingKey',
    'current',
    'next',
    'code',
    'privateKey',
    'x-amz-security-token',
    'cookie',
    'Authorization',
    'credentials',
    'passphrase',
    'passwordHash',
    'certificatePem',
  ]
  for (const field of fields) {
    const clean = JSON.stringify(
      withoutSecrets({ kept: 1, list: [{ deep: { [field]: secret, other: { [field]: [secret] } } }] }),
    )
    t.notOk(clean.includes(secret), field)
    t.ok(clean.includes('"kept":1'))
  }
})

t.test('what only sounds like one stays', async t => {
  const harmless = {
    accessKeyId: 'AKID',
    kmsKeyId: 'alias/x',
    passwordSet: true,
    name: 'next',
    everyHours: 6,
    none: null,
  }
  t.strictSame(withoutSecrets(harmless), harmless)
})

t.test('secrets inside texts go, too', async t => {
  for (const text of [
    'http://user:S3CRET@proxy:3128',
    'https://b.example/x?X-Amz-Signature=S3CRET&a=1',
    'https://h.example/?token=S3CRET',
    `hoist_S3CRET${'x'.repeat(40)}`,
    '-----BEGIN PRIVATE KEY-----\nS3CRET',
  ])
    t.notOk(JSON.stringify(withoutSecrets({ url: text })).includes('S3CRET'), text)
  t.strictSame(withoutSecrets('https://h.example/a?b=1'), 'https://h.example/a?b=1')
})

t.test('it has a size', async t => {
  const size = (value: unknown) => JSON.stringify(withoutSecrets(value)).length
  t.ok(size({ serverIds: Array.from({ length: 1000 }, (_, i) => `server-${i}`) }) < 2000)
  t.ok(size({ text: 'x'.repeat(1e6) }) < 1000)
  t.ok(size(Array.from({ length: 50 }, () => ({ text: 'x'.repeat(500) }))) < 100)
  let deep: object = {}
  for (let level = 0; level < 1000; level++) deep = { deep }
  t.ok(size(deep) < 200)
  t.equal(withoutSecrets(undefined), undefined)
})
