// Does anything of the build stay in a system disk? Each finding has a name, a path and a reason.

import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { run } from '../test/lab/tools.ts'
import type { Entry, System } from './content-list.ts'

export interface Finding {
  name:
    | 'account'
    | 'apt'
    | 'boot-loader'
    | 'build-access'
    | 'cache'
    | 'deleted-data'
    | 'history'
    | 'host-key'
    | 'key'
    | 'log'
    | 'machine-id'
    | 'missing'
    | 'owner'
    | 'resolver'
    | 'stranger'
  path: string
  why: string
}

export interface Expected {
  /** What /etc/apt/sources.list says. */
  sources: string
  /** Texts that only the machine of the build can have given: folders, proxies, names of hosts. */
  strangers: readonly string[]
}

/** Of paths alone. A pattern that matches is a finding. */
const traces: readonly [name: Finding['name'], pattern: RegExp, why: string][] = [
  ['build-access', /hoist-build|^\/root\/\.ssh|^\/etc\/sudoers/, 'lets the builder in'],
  ['host-key', /^\/etc\/ssh\/ssh_host_/, 'every machine makes its own'],
  ['key', /(^|\/)(authorized_keys|ssh-authorized-keys|id_(rsa|ecdsa|ed25519))$/, 'lets somebody in'],
  ['history', /\/\.([a-z]+_history|lesshst|viminfo|wget-hsts)$/, 'tells what was typed'],
  ['log', /^\/var\/log\/(journal\/.|.*\.(log|gz|xz)$)/, 'tells of the build'],
  [
    'cache',
    /^\/var\/(lib\/apt\/lists|cache\/apt)\/.*\.(bin|deb)$|^\/var\/lib\/apt\/lists\/.*_|^\/(tmp|var\/tmp|home)\/./,
    'is only of use to the build',
  ],
  [
    'cache',
    /^\/var\/(lib\/dpkg\/.*-old|cache\/debconf\/.*-old)$|^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$/,
    'is the copy of before',
  ],
  ['machine-id', /^\/var\/lib\/systemd\/(random-seed|credential\.secret|timesync\/clock)$/, 'belongs to one machine'],
  [
    'apt',
    /^\/etc\/apt\/((apt|auth)\.conf$|(auth\.conf|preferences|sources\.list)\.d\/.|apt\.conf\.d\/(?!(01autoremove|[25]0(auto-upgrades|unattended-upgrades)|\d+hoist-[a-z-]+|70debconf)$).)/,
    "is apt's setting of another machine",
  ],
]

/** Without these there is no appliance. */
const needed = [
  '/opt/hoist/current',
  '/opt/hoist/proven',
  '/etc/machine-id',
  '/etc/apt/sources.list',
  '/boot/grub/grub.cfg',
  '/vmlinuz',
  '/initrd.img',
  '(esp)/EFI/BOOT/BOOTX64.EFI',
]

/** What must not be in an image, sorted by path; empty for a clean one. */
export async function findings({ entries, tree }: System, expected: Expected): Promise<Finding[]> {
  const paths = new Map(entries.map(entry => [entry.path, entry]))
  const found: Finding[] = needed
    .filter(path => !paths.has(path))
    .map(path => ({ name: 'missing', path, why: 'an appliance needs it' }))
  for (const entry of entries) {
    if (entry.path.startsWith('/run/') && entry.type !== 'directory')
      found.push({ name: 'cache', path: entry.path, why: 'is only of use to the build' })
    for (const [name, pattern, why] of traces) if (pattern.test(entry.path)) found.push({ name, path: entry.path, why })
    if (entry.type === 'file' && /^\/var\/log\//.test(entry.path) && entry.sizeBytes > 0)
      found.push({ name: 'log', path: entry.path, why: 'is not empty' })
    if (entry.path.startsWith('/opt/hoist') && entry.owner !== '0:0')
      found.push({ name: 'owner', path: entry.path, why: `belongs to ${entry.owner}` })
  }
  const text = async (path: string) => (paths.get(path)?.type === 'file' ? readFile(join(tree, path), 'utf8') : '')
  found.push(...bootLoader(await text('/boot/grub/grub.cfg')))
  found.push(...accounts(await text('/etc/passwd'), await text('/etc/shadow')))
  if ((await text('/etc/machine-id')) !== '')
    found.push({ name: 'machine-id', path: '/etc/machine-id', why: 'every machine makes its own' })
  if (paths.get('/var/lib/dbus/machine-id')?.type === 'file')
    found.push({ name: 'machine-id', path: '/var/lib/dbus/machine-id', why: 'every machine makes its own' })
  if ((await text('/etc/hostname')) !== 'hoist\n')
    found.push({ name: 'stranger', path: '/etc/hostname', why: 'is not hoist' })
  if (paths.get('/etc/resolv.conf')?.target !== '../run/systemd/resolve/stub-resolv.conf')
    found.push({ name: 'resolver', path: '/etc/resolv.conf', why: 'does not ask systemd-resolved' })
  if ((await text('/etc/apt/sources.list')) !== expected.sources)
    found.push({ name: 'apt', path: '/etc/apt/sources.list', why: 'names other sources than the build was given' })
  for (const { path } of entries.filter(({ path, type }) => type === 'file' && path.startsWith('/etc/apt/')))
    if (/^(?!\s*(#|\/\/)).*acquire.*proxy/im.test(await text(path)))
      found.push({ name: 'apt', path, why: 'names a proxy' })
  for (const entry of entries)
    if (entry.type === 'file' && entry.path.startsWith('/'))
      found.push(...(await inFile(entry, tree, expected.strangers)))
  return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
}

/** vSphere's machine has no serial port, and UEFI no text mode: base/files/etc/default/grub. */
function bootLoader(config: string): Finding[] {
  const found: Finding[] = []
  const wrong = (why: string) => found.push({ name: 'boot-loader', path: '/boot/grub/grub.cfg', why })
  if (/^\s*(serial\b|terminal_(in|out)put\b.*\bserial\b)/m.test(config)) wrong('has GRUB speak on a serial line')
  if (config !== '' && !/^\s*load_video\s*$/m.test(config))
    wrong('sets no graphics mode: by UEFI the kernel starts blind')
  if (/gfx_?(mode|payload)=text/.test(config)) wrong('asks for text mode: by UEFI the kernel starts blind')
  for (const [line] of config.matchAll(/^\s*linux\s.*$/gm)) {
    const last = [...line.matchAll(/\sconsole=(\S+)/g)].at(-1)?.[1]
    if (!/^tty\d$/.test(last ?? '')) wrong(`has ${last ?? 'nothing'} for the kernel's last console`)
  }
  return found
}

function accounts(passwd: string, shadow: string): Finding[] {
  const found: Finding[] = []
  for (const line of passwd.split('\n')) {
    const [name, , uid] = line.split(':')
    const person = Number(uid) >= 1000 && name !== 'nobody'
    if (person || (Number(uid) === 0 && name !== 'root' && name !== ''))
      found.push({ name: 'account', path: '/etc/passwd', why: `${name} is no account of the system` })
  }
  for (const line of shadow.split('\n')) {
    const [name, password] = line.split(':')
    if (name !== '' && !/^[!*]/.test(password ?? ''))
      found.push({ name: 'account', path: '/etc/shadow', why: `${name} has a password` })
  }
  return found
}

// With its content: the words alone stand in every program that reads keys.
const privateKey = /-----BEGIN ([A-Z]+ )*PRIVATE KEY-----\r?\n([\w-]+: .*\r?\n)*\r?\n?[A-Za-z0-9+/=]{40}/
const publicSshKey = /^(ssh-(ed25519|rsa)|ecdsa-sha2-nistp\d+) AAAA[A-Za-z0-9+/=]{40}/m
/** GnuTLS carries the keys of its self-tests. */
const selfTests = /^\/usr\/lib\/x86_64-linux-gnu\/libgnutls\.so\.[\d.]+$/

async function inFile({ path }: Entry, tree: string, strangers: readonly string[]): Promise<Finding[]> {
  // Whole, for what is looked for may stand anywhere in it; the largest is the runtime.
  const content = await readFile(join(tree, path))
  const found: Finding[] = []
  const key = (why: string) => found.push({ name: 'key', path, why })
  // A look for the words first: the patterns are slow on what holds none of them.
  if (content.includes('PRIVATE KEY-----') && !selfTests.test(path) && privateKey.test(content.toString('latin1')))
    key('holds a private key')
  if (content.includes(' AAAA') && publicSshKey.test(content.toString('latin1'))) key('holds a public SSH key')
  for (const stranger of strangers)
    if (content.includes(stranger)) found.push({ name: 'stranger', path, why: `names ${stranger}` })
  return found
}

/** What may only stand in files of this machine: the checkout's folder, and the proxies by which packages came. */
export async function strangersHere(): Promise<string[]> {
  const settings = await run('apt-config', ['dump', '--format', '%F=%v%n'])
  const proxies = [...settings.matchAll(/^Acquire::.*proxy.*=(.+)$/gim)].map(([, value]) => value)
  proxies.push(...['http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY'].map(name => process.env[name]))
  const hosts = proxies.flatMap(value => (value !== undefined && URL.canParse(value) ? [new URL(value).host] : []))
  return [...new Set([resolve(import.meta.dirname, '..'), ...hosts])].filter(text => text.length > 3)
}
