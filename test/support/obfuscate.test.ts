// Pseudonyms: whole names and whole addresses only, the same one each time, and nothing else touched.
import t from 'tap'
import { createObfuscator, type KnownName } from '../../appliance/support/obfuscate.ts'

const names: KnownName[] = [
  { kind: 'server', name: 'db' },
  { kind: 'server', name: 'db-primary 01' },
  { kind: 'server', name: 'ip-1' },
  { kind: 'server', name: 'Größe' },
  { kind: 'server', name: 'x' },
  { kind: 'host', name: 'vc.corp.example' },
  { kind: 'user', name: 'svc-hoist@vsphere.local' },
  { kind: 'account', name: '111122223333' },
  { kind: 'bucket', name: 'hoist-c0ffee-1234' },
]

t.test('names are replaced as wholes, the longest first, whatever the case, and stay the same', async t => {
  const { text } = createObfuscator(names)
  t.equal(
    text('copy of "db-primary 01" from DB to db, not dbx nor mydb nor db_2'),
    'copy of "server-1" from server-2 to server-2, not dbx nor mydb nor db_2',
  )
  t.equal(text('db-primary 01'), 'server-1')
  t.equal(text('GRÖßE und größe, İ größe'), 'server-3 und server-3, İ server-3')
  t.equal(text('x stays: a letter is a word'), 'x stays: a letter is a word')
})

t.test('hosts of a known domain, addresses, users, accounts, keys and roles go by their form', async t => {
  const { text } = createObfuscator(names)
  t.equal(
    text('vc.corp.example, esx7.corp.example and s3.eu-central-1.amazonaws.com'),
    'host-1, host-2 and s3.eu-central-1.amazonaws.com',
  )
  t.equal(
    text('from 10.0.0.5:443 to 10.0.0.6, again 10.0.0.5; 127.0.0.1 and 999.1.1.1 stay'),
    'from ip-1:443 to ip-2, again ip-1; 127.0.0.1 and 999.1.1.1 stay',
  )
  t.equal(text('[fe80::1] 2001:db8::5, ::1, at 07:18:05'), '[ip-3] ip-4, ::1, at 07:18:05')
  t.equal(text('00:50:56:ab:cd:ef'), 'mac-1')
  t.equal(text('jane.doe@corp.example and svc-hoist@vsphere.local'), 'user-2 and user-1')
  t.equal(
    text('arn:aws:iam::444455556666:role/Admin in 111122223333'),
    'arn:aws:iam::account-2:role/user-3 in account-1',
  )
  t.equal(text('arn:aws:sts::111122223333:assumed-role/Ops/hoist'), 'arn:aws:sts::account-1:assumed-role/user-4')
  t.equal(text('AKIAIOSFODNN7EXAMPLE in s3://hoist-c0ffee-1234/runs/1'), 'key-1 in s3://bucket-1/runs/1')
})

t.test('a pseudonym is not taken for a name', async t => {
  const { text } = createObfuscator(names)
  t.equal(text('10.0.0.1 is not the server ip-1'), 'ip-1 is not the server server-1')
})

t.test('versions, thumbprints, ids and figures stay', async t => {
  const { text } = createObfuscator(names)
  for (const same of [
    'Hoist 0.1.0 on v26.10.0, 8.0.2.0.100',
    'AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD',
    '82720461-2fb5-2cb3-29c7-e0827aa1e7f1 run 123456789012345',
    'import-snap-0ef49e3dd82886720 of file:///opt/hoist/appliance/app.ts:10:5',
    '2026-03-01T07:18:05.123Z',
  ]) {
    t.equal(text(same), same)
  }
})

t.test('values are replaced at every depth; keys, numbers and nothing stay', async t => {
  const { value } = createObfuscator(names)
  t.same(value({ db: ['db', 1, null, { server: 'DB', ok: true }] }), {
    db: ['server-1', 1, null, { server: 'server-1', ok: true }],
  })
})

t.test('ten thousand names cost little', async t => {
  const many = Array.from({ length: 10_000 }, (_, n): KnownName => ({ kind: 'server', name: `prod-${n}` }))
  const { text } = createObfuscator(many)
  const lines = Array.from(
    { length: 2_000 },
    (_, n) =>
      `"The server \\"prod-${n}\\" on 10.1.${n % 256}.7 is read at ${n} bytes per second" ${'and so on '.repeat(10)}`,
  )
  const startedMs = performance.now()
  const hidden = lines.map(text).join('')
  t.notMatch(hidden, /prod-|10\.1\./)
  t.comment(`${Math.round((lines.join('').length / 1e6 / (performance.now() - startedMs)) * 1000 * 10) / 10} MB/s`)
  t.equal(text(''), '')
  t.equal(createObfuscator([]).text('db'), 'db')
})
