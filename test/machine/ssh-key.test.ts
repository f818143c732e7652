// Public keys, made by ssh-keygen, and what only looks like one.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { authorizedKey } from '../../appliance/machine/ssh-key.ts'

const dir = t.testdir()
const made = (kind: string, bits: string) => {
  const path = join(dir, `${kind}${bits}`)
  execFileSync('ssh-keygen', ['-q', '-t', kind, '-b', bits, '-N', '', '-C', 'anna@desk (2026)', '-f', path])
  return readFileSync(`${path}.pub`, 'utf8').trim()
}

t.test('every kind that ssh-keygen makes is taken as it is', async t => {
  for (const line of [made('ed25519', '256'), made('ecdsa', '256'), made('ecdsa', '521'), made('rsa', '3072')]) {
    t.equal(authorizedKey(`  ${line}\n`), line)
    t.equal(authorizedKey(line.split(' ').slice(0, 2).join('   ')), line.split(' ').slice(0, 2).join(' '))
  }
})

t.test('options, two lines, other kinds, private keys and cut ones are not', async t => {
  const [kind = '', bytes = ''] = made('ed25519', '300').split(' ')
  const line = `${kind} ${bytes}`
  const wrong = [
    '',
    kind,
    bytes,
    `command="sh" ${line}`,
    `${line}\n${line}`,
    `${line} a\nno-pty ${line}`,
    `${line} \u00e4`,
    `${line} a\tb`,
    `ssh-rsa ${bytes}`,
    `ssh-dss ${bytes}`,
    `${kind} ${bytes.slice(0, -4)}`,
    `${kind} ${bytes.slice(4)}`,
    '-----BEGIN OPENSSH PRIVATE KEY-----',
  ]
  for (const text of wrong) t.equal(authorizedKey(text), undefined, text)
})
