// Thousands of lines that nobody should send: nothing falls over, nothing is done that was not validly asked for, and nothing
// outside the root is touched. What is valid is said by rules of the test's own.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, isIPv4, isIPv6 } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { errorCodes } from '../../appliance/errors.ts'
import { type Answer, dispatcher } from '../../appliance/machine/dispatch.ts'
import { serveLines } from '../../appliance/machine/line-server.ts'
import { perform } from '../../appliance/machine/perform.ts'
import { inOneNetwork, isLinkLocal, isNobodys } from '../../webui/machine/addresses.ts'
import { Random } from '../chaos/random.ts'
import { labMachine, tree } from './machine-lab.ts'
import { samplePublicKey, sampleVerbs } from './sample-verbs.ts'

const programs = new Set([
  '/usr/bin/networkctl reload',
  '/usr/bin/systemctl restart systemd-timesyncd.service',
  '/usr/bin/hostname --file /etc/hostname',
  '/usr/bin/systemctl enable --now ssh.service',
  '/usr/bin/systemctl disable --now ssh.service',
  '/usr/bin/systemctl reload nftables.service',
  '/usr/bin/systemctl --no-block restart hoist.service',
  '/usr/bin/systemctl --no-block reboot',
])

/** Of the deployment: no line changes it. */
const keysFile = 'etc/hoist/ssh-authorized-keys'

const address = '[0-9A-Fa-f:.]+'
const names = '[A-Za-z0-9.:-]+'
/** Every line that may ever stand in a file. */
const fileLines: Record<string, RegExp> = {
  'etc/systemd/network/20-hoist.network': new RegExp(
    `^(#.*|\\[(Match|Network|DHCPv4|DHCPv6|IPv6AcceptRA)\\]|Type=ether|DHCP=(ipv4|no)|LinkLocalAddressing=(ipv6|no)|IPv6AcceptRA=(yes|no)|Address=${address}/\\d+|Gateway=${address}|DNS=${address}|Domains=${names}( ${names})*|ClientIdentifier=mac|UseDNS=(yes|no)|UseDomains=(yes|no)|UseHostname=no|)$`,
  ),
  'etc/systemd/timesyncd.conf.d/20-hoist.conf': new RegExp(`^(#.*|\\[Time\\]|NTP=${names}( ${names})*|)$`),
  'etc/hostname': /^[A-Za-z0-9.-]*$/,
  'etc/hosts':
    /^(#.*|127\.0\.0\.1 localhost|127\.0\.1\.1 [A-Za-z0-9.-]+( [A-Za-z0-9-]+)?|::1 localhost ip6-localhost ip6-loopback|)$/,
  'etc/hoist/firewall/ssh.nft': /^(#.*|tcp dport 22 accept|)$/,
  'etc/apt/apt.conf.d/20hoist-proxy': /^(Acquire::https?::Proxy "https?:\/\/[A-Za-z0-9.:[\]%@!*'()_~-]+\/";|)$/,
  'etc/apt/apt.conf.d/20hoist-updates': /^(#.*|APT::Periodic::(Update-Package-Lists|Unattended-Upgrade) "[01]";|)$/,
  'etc/hoist/factory-reset': /^$/,
  [keysFile]: new RegExp(`^(${samplePublicKey.replaceAll('+', '\\+')}|)$`),
}

/** What lines are made of: the verbs, and one that there must not be. */
const samples = [...sampleVerbs, { verb: 'sshKey', publicKey: samplePublicKey.replace('5Efdf', '5Efde') }]

const only = (value: object, ...keys: string[]) => Object.keys(value).every(key => keys.includes(key))
const isText = (value: unknown): value is string => typeof value === 'string'
const isList = (value: unknown, most: number): value is string[] =>
  Array.isArray(value) && value.length <= most && value.every(isText)
const isName = (text: string) =>
  text.length <= 253 &&
  text.split('.').every(part => part.length > 0 && part.length < 64 && !/[^A-Za-z0-9-]|^-|-$/.test(part))
/** What every machine calls itself, and what is read as an address, is the name of none. */
const isOwnName = (text: string) => {
  const parts = text.toLowerCase().split('.')
  return parts[0] !== 'localhost' && parts.at(-1) !== 'localhost' && /[^0-9]/.test(parts.at(-1) ?? '')
}
const isIp = (text: string) => /^[0-9A-Fa-f:.]*$/.test(text) && (isIPv4(text) || isIPv6(text))

/** An address that a machine may have in a network of this size. What the page says of a place: it has its own arithmetic. */
function isPlace(text: string, prefixLength: number): boolean {
  if (isNobodys(text)) return false
  if (isIPv6(text)) return !inOneNetwork(text, '::ffff:0:0', 96)
  const bits = text
    .split('.')
    .map(part => Number(part).toString(2).padStart(8, '0'))
    .join('')
    .slice(prefixLength)
  return bits.length < 2 || new Set(bits).size > 1
}

function isSide(side: unknown, word: string, bits: number, isKind: (text: string) => boolean): boolean {
  if (typeof side !== 'object' || side === null || Array.isArray(side)) return false
  const { method, address: own, prefixLength, gateway } = side as Record<string, unknown>
  if (method === word || method === 'off') return only(side, 'method')
  return (
    method === 'static' &&
    only(side, 'method', 'address', 'prefixLength', 'gateway') &&
    isText(own) &&
    isKind(own) &&
    isIp(own) &&
    Number.isInteger(prefixLength) &&
    Number(prefixLength) >= 1 &&
    Number(prefixLength) <= bits &&
    isPlace(own, Number(prefixLength)) &&
    (!Object.hasOwn(side, 'gateway') ||
      (isText(gateway) &&
        isKind(gateway) &&
        isIp(gateway) &&
        gateway !== own &&
        (isLinkLocal(gateway) ||
          (inOneNetwork(own, gateway, Number(prefixLength)) && isPlace(gateway, Number(prefixLength))))))
  )
}

/** The table of verbs once more, written by hand. */
function isValid(text: string): boolean {
  let value: Record<string, unknown>
  try {
    value = JSON.parse(text)
  } catch {
    return false
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, 'verb')) return false
  const { verb, ipv4, ipv6, dns, searchDomains, servers, name, enabled, url, username, password, file, what, confirm } =
    value
  const has = (key: string) => Object.hasOwn(value, key)
  const isCredential = (key: string, text: unknown) =>
    !has(key) || (isText(text) && text.length > 0 && text.length <= 256 && text.isWellFormed())
  switch (verb) {
    case 'network':
      return (
        only(value, 'verb', 'ipv4', 'ipv6', 'dns', 'searchDomains') &&
        isSide(ipv4, 'dhcp', 32, isIPv4) &&
        isSide(ipv6, 'automatic', 128, isIPv6) &&
        !((ipv4 as { method: string }).method === 'off' && (ipv6 as { method: string }).method === 'off') &&
        isList(dns, 4) &&
        dns.every(isIp) &&
        isList(searchDomains, 6) &&
        searchDomains.every(isName)
      )
    case 'time':
      return (
        only(value, 'verb', 'servers') &&
        isList(servers, 8) &&
        servers.every(server => isIp(server) || (isName(server) && /[^0-9]/.test(server.split('.').at(-1) ?? '')))
      )
    case 'hostname':
      return only(value, 'verb', 'name') && isText(name) && name.length <= 64 && isName(name) && isOwnName(name)
    case 'state':
      return only(value, 'verb')
    case 'ssh':
    case 'updates':
      return only(value, 'verb', 'enabled') && typeof enabled === 'boolean'
    case 'proxy':
      return (
        only(value, 'verb', 'url', 'username', 'password') &&
        isCredential('username', username) &&
        isCredential('password', password) &&
        (has('url') || !has('username')) &&
        (has('username') || !has('password')) &&
        (!has('url') || (isText(url) && url.length <= 300 && isProxy(url)))
      )
    case 'upgrade':
      return (
        only(value, 'verb', 'file') &&
        isText(file) &&
        file.length <= 128 &&
        /^[A-Za-z0-9][\w.-]*$/.test(file) &&
        !file.includes('\n')
      )
    case 'restart':
      return only(value, 'verb', 'what') && (what === 'service' || what === 'machine')
    case 'reset':
      return only(value, 'verb', 'confirm') && confirm === 'erase everything'
    default:
      return false
  }
}

function isProxy(url: string): boolean {
  const host = /^https?:\/\/(.*?)(:\d{1,5})?\/?$/s.exec(url)?.[1] ?? ''
  return (
    URL.canParse(url) &&
    (isName(host) || (host.startsWith('[') && host.endsWith(']') && isIPv6(host.slice(1, -1)) && !host.includes('%')))
  )
}

const hostile: unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  33,
  129,
  1.5,
  '',
  ' ',
  [],
  {},
  [[]],
  '..',
  '../../etc/passwd',
  '/etc/shadow',
  'a/b',
  'a\\b',
  'a\nb',
  'a\r\n[Match]\nName=*',
  '\nDNS=6.6.6.6',
  'a\0b',
  '$(reboot)',
  '`reboot`',
  '; reboot',
  '| sh',
  '"; Dir "/',
  "' || '",
  '-rf',
  '--help',
  '-',
  '.',
  'a.',
  '.a',
  'a..b',
  'é',
  '\u2028',
  '\ud800',
  '\u202e',
  '%2e%2e%2f',
  '%s%n',
  'x'.repeat(300),
  '1'.repeat(46),
  '0.0.0.0',
  '255.255.255.255',
  '192.0.2.0',
  '192.0.2.255',
  '10.0.0.5',
  'localhost',
  'localhost.localdomain',
  '::',
  '::ffff:1.2.3.4',
  'fe80::1%eth0',
  '1.2.3',
  '0x7f.1',
  '1e3',
  'constructor',
  '__proto__',
  'http://a',
  'https://a:1',
  'http://a@b',
  'http://[::1]',
  'http://[::g]',
  'file:///etc/passwd',
  'service',
  'machine',
  'erase everything',
  ...sampleVerbs.map(({ verb }) => verb),
  ['a'.repeat(64)],
  ['::1', 'a b'],
  { method: 'static' },
  { method: 'off' },
  { length: 1 },
]
const keys = [
  'verb',
  'ipv4',
  'method',
  'address',
  'gateway',
  'dns',
  'servers',
  'url',
  'username',
  'file',
  'what',
  'confirm',
  'enabled',
  'path',
  'constructor',
  'toString',
  '__proto__',
  '',
]

/** Changes one place of a document, however deep. */
function mutate(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.chance(0.15)) return structuredClone(random.pick(hostile))
  if (Array.isArray(value)) {
    const copy = [...value]
    const at = random.integer(0, copy.length)
    if (random.chance(0.3)) copy.splice(at, 1)
    else copy[at] = mutate(random, copy[at])
    return copy
  }
  const entries = Object.entries(value)
  const at = random.integer(0, entries.length - 1)
  const [key, old] = entries[at] ?? ['', undefined]
  const kind = random.integer(0, 9)
  if (kind === 0) entries.splice(at, 1)
  else if (kind === 1) entries.push([random.pick(keys), random.pick(hostile)])
  else if (kind === 2) entries[at] = [random.pick(keys), old]
  else entries[at] = [key, mutate(random, old)]
  return Object.fromEntries(entries)
}

function noise(random: Random, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, () => random.integer(0, 255)))
}

/** Changes some bytes of a text. */
function scramble(random: Random, text: Buffer): Buffer {
  const at = random.integer(0, text.length)
  const to = Math.min(text.length, at + random.integer(0, 8))
  const between = random.pick([
    noise(random, random.integer(0, 4)),
    Buffer.from(random.pick(['{', '}', '"', ',', '\\u0000', ':', '[', '\n', ' ', '0'])),
  ])
  return Buffer.concat([text.subarray(0, at), between, random.chance(0.5) ? text.subarray(to) : text.subarray(at)])
}

function lineOf(random: Random): Buffer {
  const verb = random.pick(samples)
  const kind = random.integer(0, 19)
  if (kind === 0) return noise(random, random.integer(0, 300))
  if (kind === 1) return Buffer.from(random.pick(['[', '{"a":', '"', '\\']).repeat(random.integer(1, 3000)))
  if (kind === 2) return Buffer.from(JSON.stringify(random.pick(hostile)))
  if (kind === 3) return Buffer.from(JSON.stringify(verb))
  if (kind === 4) return Buffer.from(JSON.stringify({ ...random.pick(samples), ...verb }))
  if (kind < 9) return scramble(random, Buffer.from(JSON.stringify(verb)))
  let value: unknown = verb
  for (let times = random.integer(1, 3); times > 0; times--) value = mutate(random, value)
  return Buffer.from(JSON.stringify(value))
}

const utf8 = new TextDecoder('utf-8', { fatal: true })
function textOf(line: Buffer): string | undefined {
  try {
    return utf8.decode(line)
  } catch {
    return undefined
  }
}

/** What is wrong with an answer; undefined when nothing is. */
function answerFlaw(line: Buffer, answer: Answer): string | undefined {
  const text = textOf(line)
  const valid = text !== undefined && isValid(text)
  if ('ok' in answer) return valid ? undefined : 'it was performed'
  if (valid) return `it was refused: ${answer.message}`
  if (answer.code !== 'INVALID_REQUEST') return `it was answered with ${answer.code}`
  return Object.hasOwn(errorCodes, answer.code) && answer.hint !== '' ? undefined : 'its answer has not the form'
}

function wrongLines(files: Record<string, string>): string[] {
  return Object.entries(files).flatMap(([path, text]) => {
    const allowed = fileLines[path]
    return text.split('\n').flatMap(line => (allowed?.test(line) ? [] : [`${path}: ${line}`]))
  })
}

t.test('20,000 lines: only what is valid is performed, with the fixed programs, inside the root', async t => {
  const outer = t.testdir({ root: {}, canary: 'untouched' })
  const root = join(outer, 'root')
  const { performer, ran, uploads } = labMachine(root)
  await performer.files.write('sshKeys', `${samplePublicKey}\n`)
  const answer = dispatcher(
    (verb, signal) => perform(verb, performer, signal),
    () => undefined,
  )
  const seed = 20_261_121
  let performed = 0
  let refused = 0
  for (let n = 0; n < 20_000; n++) {
    const line = lineOf(new Random('fuzz', seed, n))
    const before = ran.length + uploads.length
    const answered = await answer(line)
    await answered.afterwards?.()
    const found = answerFlaw(line, answered.answer)
    if (found !== undefined) t.fail(`seed ${seed}, line ${n}: ${found}: ${line.toString().slice(0, 200)}`)
    if ('ok' in answered.answer) performed++
    else {
      refused++
      if (ran.length + uploads.length !== before) t.fail(`seed ${seed}, line ${n}: refused, and yet something ran`)
    }
    if (n % 50 === 0) {
      const wrong = wrongLines(tree(root))
      if (wrong.length > 0) t.fail(`seed ${seed}, line ${n}: ${wrong.join(', ')}`)
    }
  }
  t.comment(`${performed} performed, ${refused} refused`)
  t.ok(performed > 1000 && refused > 10_000, 'both kinds are well tried')
  t.same(
    [...new Set(ran)].filter(words => !programs.has(words)),
    [],
    'no other program',
  )
  t.same(
    uploads.filter(name => !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)),
    [],
  )
  t.same(wrongLines(tree(root)), [])
  t.equal(tree(root)[keysFile], `${samplePublicKey}\n`, 'nobody else may sign in')
  t.same(readdirSync(outer), ['canary', 'root'])
  t.equal(tree(outer).canary, 'untouched')
})

t.test(
  '2,000 lines through the socket, in any pieces, some cut off: each is answered, and the helper still serves',
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'hoist-fuzz-'))
    const path = join(directory, 'socket')
    const { performer, ran } = labMachine(t.testdir())
    await performer.files.write('sshKeys', `${samplePublicKey}\n`)
    const failures: unknown[] = []
    const onFailure = (thrown: unknown) => failures.push(thrown)
    const server = await serveLines({
      path,
      answer: dispatcher((verb, signal) => perform(verb, performer, signal), onFailure),
      onFailure,
    })
    t.teardown(async () => {
      await server.close()
      rmSync(directory, { recursive: true })
    })
    const seed = 7
    let cutOff = 0
    for (let n = 0; n < 2000; n++) {
      const random = new Random('socket', seed, n)
      const line = lineOf(random)
      const whole = Buffer.concat([line, Buffer.from('\n')])
      const cut = random.chance(0.1)
      const answer = await exchange(path, random, whole, cut)
      if (cut) cutOff++
      else {
        const parsed = JSON.parse(answer) as Answer
        // A line's end inside makes it two lines, which are refused.
        const expected = line.includes(0x0a) ? Buffer.from('two lines') : line
        const found = answerFlaw(expected, parsed)
        if (found !== undefined) t.fail(`seed ${seed}, line ${n}: ${found}`)
      }
    }
    t.ok(cutOff > 100)
    t.same(failures, [])
    t.same(
      [...new Set(ran)].filter(words => !programs.has(words)),
      [],
    )
    t.match(await exchange(path, new Random('last'), Buffer.from('{"verb":"proxy"}\n'), false), /^\{"ok":true\}\n$/)
  },
)

/** Sends in pieces; with `cut`, goes away after some of them. */
function exchange(path: string, random: Random, bytes: Buffer, cut: boolean): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const socket = connect(path)
  let text = ''
  socket.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  socket.on('error', () => undefined) // Refused early: the answer has come.
  socket.on('close', () => resolve(text))
  const end = cut ? random.integer(0, bytes.length - 1) : bytes.length
  for (let at = 0; at < end; ) {
    const size = random.integer(1, 200)
    socket.write(bytes.subarray(at, Math.min(end, at + size)))
    at += size
  }
  if (cut) socket.destroy()
  return promise
}
