// Public keys, made by ssh-keygen, and what only looks like one.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parsePublicKey } from '../../appliance/machine/ssh-key.ts'
import { Random } from '../chaos/random.ts'

const dir = t.testdir()
const made = (kind: string, bits: string) => {
  const path = join(dir, `${kind}${bits}`)
  if (!existsSync(path))
    execFileSync('ssh-keygen', ['-q', '-t', kind, '-b', bits, '-N', '', '-C', 'anna@desk (2026)', '-f', path])
  return readFileSync(`${path}.pub`, 'utf8').trim()
}
/** What OpenSSH itself says of a line: bits, fingerprint, comment, kind; undefined when it is none for it. */
function opensshSays(line: string): string[] | undefined {
  const path = join(dir, 'asked.pub')
  writeFileSync(path, `${line}\n`)
  try {
    const said = execFileSync('ssh-keygen', ['-l', '-f', path], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return said.trim().split(' ')
  } catch {
    return undefined
  }
}
const field = (bytes: string | Buffer) => {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(Buffer.byteLength(bytes))
  return Buffer.concat([length, Buffer.from(bytes)])
}
const lineOf = (kind: string, ...fields: (string | Buffer)[]) =>
  `${kind} ${Buffer.concat([kind, ...fields].map(field)).toString('base64')}`
const fieldsOf = (line: string) => {
  const bytes = Buffer.from(line.split(' ')[1] ?? '', 'base64')
  const fields: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at)
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return fields
}

const kinds = [
  ['ed25519', '256'],
  ['ecdsa', '256'],
  ['ecdsa', '384'],
  ['ecdsa', '521'],
  ['rsa', '2048'],
  ['rsa', '3072'],
] as const

t.test('every kind that ssh-keygen makes is taken as it is, with the fingerprint that it prints', async t => {
  for (const [kind, bits] of kinds) {
    const line = made(kind, bits)
    const key = parsePublicKey(`  ${line}\n`)
    t.equal(key?.line, line)
    t.equal(parsePublicKey(line.split(' ').slice(0, 2).join('   '))?.line, line.split(' ').slice(0, 2).join(' '))
    t.strictSame([String(key?.view.bits), key?.view.fingerprint], opensshSays(line)?.slice(0, 2))
    t.equal(key?.view.comment, 'anna@desk (2026)')
  }
})

t.test('a key in a security key is taken', async t => {
  const [, ed25519 = Buffer.alloc(0)] = fieldsOf(made('ed25519', '256'))
  const [, curve = '', point = Buffer.alloc(0)] = fieldsOf(made('ecdsa', '256'))
  for (const line of [
    lineOf('sk-ssh-ed25519@openssh.com', ed25519, 'ssh:'),
    lineOf('sk-ecdsa-sha2-nistp256@openssh.com', curve, point, 'ssh:'),
  ]) {
    t.equal(parsePublicKey(line)?.line, line)
    t.equal(parsePublicKey(line)?.view.fingerprint, opensshSays(line)?.[1])
  }
})

t.test('options, two lines, other kinds, private keys and cut ones are not', async t => {
  const line = made('ed25519', '256').split(' ').slice(0, 2).join(' ')
  const [kind = '', bytes = ''] = line.split(' ')
  const wrong = [
    '',
    kind,
    bytes,
    `command="sh" ${line}`,
    `no-pty ${line}`,
    `from="*",${line}`,
    `environment="LD_PRELOAD=/tmp/x" ${line}`,
    `cert-authority ${line}`,
    `@cert-authority * ${line}`,
    `# ${line}`,
    `${line}\n${line}`,
    `${line}\r${line}`,
    `${line} a\nno-pty ${line}`,
    `${line}\0`,
    `${line} \u00e4`,
    `${line} a\tb`,
    `ssh-rsa ${bytes}`,
    `ssh-dss ${bytes}`,
    `ssh-ed25519-cert-v01@openssh.com ${bytes}`,
    `${kind} ${bytes.slice(0, -4)}`,
    `${kind} ${bytes.slice(4)}`,
    '-----BEGIN OPENSSH PRIVATE KEY-----',
    readFileSync(join(dir, 'ed25519256'), 'utf8'),
  ]
  for (const text of wrong) t.equal(parsePublicKey(text), undefined, JSON.stringify(text))
})

t.test('RSA of less than 2048 bits, and numbers that are no key, are not', async t => {
  for (const bits of ['1024', '1536', '2047']) t.equal(parsePublicKey(made('rsa', bits)), undefined, `RSA ${bits}`)
  const [, e = '', n = Buffer.alloc(0)] = fieldsOf(made('rsa', '2048'))
  const even = Buffer.from(n)
  even[even.length - 1] = (even.at(-1) ?? 0) & 0xfe
  t.ok(parsePublicKey(lineOf('ssh-rsa', e, n)))
  for (const [fields, what] of [
    [[Buffer.from([1]), n], 'an exponent of 1'],
    [[Buffer.from([2]), n], 'an even exponent'],
    [[Buffer.alloc(0), n], 'no exponent'],
    [[e, even], 'an even modulus'],
    [[e, n.subarray(1)], 'a negative modulus'],
    [[e, Buffer.concat([Buffer.alloc(200), n.subarray(0, 56)])], 'zeros that make it look long'],
    [[e, Buffer.alloc(257)], 'nothing but zeros'],
    [[e, n, n], 'a field more'],
    [[e], 'a field less'],
  ] as const)
    t.equal(parsePublicKey(lineOf('ssh-rsa', ...fields)), undefined, what)
})

t.test('points that are not on their curve, of another curve, or shortened, are not', async t => {
  const [kind = '', curve = '', point = Buffer.alloc(0)] = fieldsOf(made('ecdsa', '256'))
  const name = kind.toString()
  t.ok(parsePublicKey(lineOf(name, curve, point)))
  const off = Buffer.from(point)
  off[64] = (off[64] ?? 0) ^ 1
  for (const [fields, what] of [
    [[curve, off], 'off the curve'],
    [[curve, point.subarray(0, 33)], 'half of it'],
    [[curve, Buffer.concat([Buffer.from([2]), point.subarray(1, 33)])], 'compressed'],
    [['nistp384', point], 'of another curve'],
    [['', point], 'of no curve'],
  ] as const)
    t.equal(parsePublicKey(lineOf(name, ...fields)), undefined, what)
  t.equal(parsePublicKey(lineOf('ecdsa-sha2-nistp384', 'nistp384', point)), undefined)
  t.equal(parsePublicKey(lineOf('ssh-ed25519', Buffer.alloc(31, 7))), undefined)
  t.equal(parsePublicKey(lineOf('ssh-ed25519', Buffer.alloc(32, 7), 'more')), undefined)
})

t.test('whatever is taken of 400 damaged lines, OpenSSH takes too, with the same fingerprint', async t => {
  const lines = kinds.map(([kind, bits]) => made(kind, `${bits}`))
  let taken = 0
  for (let n = 0; n < 400; n++) {
    const random = new Random('ssh-key', 20_261_121, n)
    const line = random.pick(lines)
    const at = random.integer(0, line.length - 1)
    const damaged =
      line.slice(0, at) + random.pick(['', 'A', '/', ' ', '=', '\n', '"']) + line.slice(at + random.integer(0, 2))
    const key = parsePublicKey(damaged)
    if (!key) continue
    taken += 1
    if (opensshSays(key.line)?.[1] !== key.view.fingerprint) t.fail(`line ${n}: ${damaged}`)
  }
  t.ok(taken > 5, `${taken} were taken: damage in a comment, or that says the same`)
})
