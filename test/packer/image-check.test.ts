// The check that nothing of the build stays, on a system that is clean, and on the same with one thing too much each.
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import type { Entry, System } from '../../packer/content-list.ts'
import { type Finding, findings, strangersHere } from '../../packer/image-check.ts'

const sources = 'deb http://one.example/debian bookworm main\n'
const expected = { sources, strangers: ['/builder/checkout', 'proxy.example:3128'] }

const grubCfg =
  'terminal_output console\nmenuentry Hoist {\n  load_video\n  linux /vmlinuz root=UUID=1 ro console=ttyS0,115200 console=tty1 quiet\n}\n'

const clean: Record<string, string> = {
  'etc/passwd': 'root:x:0:0::/root:/bin/bash\nnobody:x:65534:65534::/:/usr/sbin/nologin\nhoist:x:900:900::/:/x\n',
  'etc/shadow': 'root:*:19518::::::\nnobody:*:19518::::::\nhoist:!:19518::::::\n',
  'etc/machine-id': '',
  'etc/hostname': 'hoist\n',
  'etc/apt/sources.list': sources,
  'etc/apt/apt.conf.d/70debconf': '// Acquire::http::Proxy is not for us\n',
  'boot/grub/grub.cfg': grubCfg,
  vmlinuz: 'kernel',
  'initrd.img': 'initrd',
  'var/log/wtmp': '',
  'usr/bin/ssh': 'words: -----BEGIN OPENSSH PRIVATE KEY----- and ssh-ed25519 AAAA',
}

async function put(tree: string, path: string, content: string): Promise<void> {
  await mkdir(dirname(join(tree, path)), { recursive: true })
  await writeFile(join(tree, path), content)
}

/** As readSystem would give it for a disk with this tree. */
async function systemOf(tree: string): Promise<System> {
  const entries: Entry[] = [
    { path: '(esp)/EFI/BOOT/BOOTX64.EFI', type: 'file', mode: '0700', owner: '0:0', sizeBytes: 1 },
  ]
  // Not readdir's own recursion, which goes through links.
  const folders = [tree]
  for (const folder of folders) {
    for (const found of await readdir(folder, { withFileTypes: true })) {
      const at = join(folder, found.name)
      const path = at.slice(tree.length)
      const common = { path, mode: '0644', owner: path.endsWith('foreign') ? '1000:1000' : '0:0' }
      if (found.isDirectory()) folders.push(at)
      if (found.isSymbolicLink()) entries.push({ ...common, type: 'link', sizeBytes: 0, target: await readlink(at) })
      else if (found.isDirectory()) entries.push({ ...common, type: 'directory', sizeBytes: 0 })
      else entries.push({ ...common, type: 'file', sizeBytes: (await stat(at)).size })
    }
  }
  return { entries, tree }
}

async function check(t: Test, change: (tree: string) => Promise<void>): Promise<Finding[]> {
  const tree = t.testdir()
  for (const [path, content] of Object.entries(clean)) await put(tree, path, content)
  await mkdir(join(tree, 'opt/hoist'), { recursive: true })
  for (const link of ['current', 'proven']) await symlink('releases/1.0.0', join(tree, `opt/hoist/${link}`))
  await symlink('../run/systemd/resolve/stub-resolv.conf', join(tree, 'etc/resolv.conf'))
  await change(tree)
  return findings(await systemOf(tree), expected)
}

t.test('a clean system has no findings', async t => {
  t.strictSame(await check(t, async () => undefined), [])
})

const { privateKey } = generateKeyPairSync('ed25519')
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const sshKey = `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} builder\n`

/** What is put into the clean system, and the finding that names it. */
const planted: [path: string, content: string, name: Finding['name']][] = [
  ['etc/passwd', `${clean['etc/passwd']}builder:x:1000:1000::/home/builder:/bin/sh\n`, 'account'],
  ['etc/passwd', `${clean['etc/passwd']}toor:x:0:0::/root:/bin/sh\n`, 'account'],
  ['etc/shadow', 'root:$y$j9T$x$y:19518::::::\n', 'account'],
  ['etc/shadow', 'root::19518::::::\n', 'account'],
  ['etc/machine-id', 'a'.repeat(32), 'machine-id'],
  ['var/lib/dbus/machine-id', 'a'.repeat(32), 'machine-id'],
  ['var/lib/systemd/random-seed', 'x', 'machine-id'],
  ['etc/ssh/ssh_host_ed25519_key.pub', 'x', 'host-key'],
  ['etc/hoist-build/sshd_config', 'x', 'build-access'],
  ['etc/systemd/system/multi-user.target.wants/hoist-build.service', 'x', 'build-access'],
  ['etc/sudoers.d/builder', 'x', 'build-access'],
  ['root/.ssh/known_hosts', 'x', 'build-access'],
  ['etc/hoist/ssh-authorized-keys', '', 'key'],
  ['etc/any', sshKey, 'key'],
  ['opt/hoist/releases/1.0.0/key.pem', pem, 'key'],
  ['usr/lib/firmware', `${'x'.repeat(3_000_000)}\n${pem}`, 'key'],
  ['etc/apt/apt.conf.d/99mmdebstrap', 'x', 'apt'],
  ['etc/apt/apt.conf.d/70debconf', 'Acquire::http::Proxy "http://other.example";\n', 'apt'],
  ['etc/apt/auth.conf.d/mirror.conf', 'x', 'apt'],
  ['etc/apt/sources.list', 'deb http://mirror.example/debian bookworm main\n', 'apt'],
  ['etc/apt/sources.list.d/third.sources', 'x', 'apt'],
  ['root/.bash_history', 'x', 'history'],
  ['root/.python_history', 'x', 'history'],
  ['var/log/dpkg.log', '', 'log'],
  ['var/log/journal/abc/system.journal', '', 'log'],
  ['var/log/wtmp', 'x', 'log'],
  ['var/lib/apt/lists/one.example_debian_dists_bookworm_InRelease', 'x', 'cache'],
  ['var/cache/apt/pkgcache.bin', 'x', 'cache'],
  ['var/cache/apt/archives/apt_2_amd64.deb', 'x', 'cache'],
  ['var/lib/dpkg/status-old', 'x', 'cache'],
  ['etc/shadow-', 'x', 'cache'],
  ['tmp/payload.tar', 'x', 'cache'],
  ['run/lockfile', 'x', 'cache'],
  ['home/builder/x', 'x', 'cache'],
  ['boot/grub/grub.cfg', `serial --unit=0 --speed=115200\n${grubCfg}`, 'boot-loader'],
  ['boot/grub/grub.cfg', grubCfg.replace('console', 'serial console'), 'boot-loader'],
  ['boot/grub/grub.cfg', grubCfg.replace('console=tty1', ''), 'boot-loader'],
  ['boot/grub/grub.cfg', grubCfg.replace('load_video', ''), 'boot-loader'],
  ['boot/grub/grub.cfg', `set linux_gfx_mode=text\n${grubCfg}`, 'boot-loader'],
  ['boot/grub/grub.cfg', grubCfg.replace(/console=\S+/g, ''), 'boot-loader'],
  ['etc/hostname', 'ci-runner-7\n', 'stranger'],
  ['usr/share/x', 'made in /builder/checkout/packer', 'stranger'],
  ['etc/environment', 'http_proxy=http://proxy.example:3128\n', 'stranger'],
  ['opt/hoist/foreign', 'x', 'owner'],
]

for (const [path, content, name] of planted) {
  t.test(`${name}: /${path} with "${content.trim().split('\n').at(-1)?.slice(0, 40)}" is found`, async t => {
    const found = await check(t, tree => put(tree, path, content))
    t.ok(
      found.some(finding => finding.name === name),
      JSON.stringify(found),
    )
    t.strictSame(
      found.filter(finding => !`/${path}`.startsWith(finding.path)),
      [],
      'and nothing else is accused',
    )
  })
}

t.test('what an appliance cannot do without is missed', async t => {
  for (const path of ['vmlinuz', 'opt/hoist/current', 'opt/hoist/proven', 'etc/machine-id']) {
    const found = await check(t, tree => rm(join(tree, path)))
    t.match(found, [{ name: 'missing', path: `/${path}` }])
  }
})

t.test('name servers of the build are found', async t => {
  const found = await check(t, async tree => {
    await rm(join(tree, 'etc/resolv.conf'))
    await put(tree, 'etc/resolv.conf', 'nameserver 192.0.2.1\n')
  })
  t.match(found, [{ name: 'resolver' }])
})

t.test("this machine's folder is a stranger, and so is its proxy", async t => {
  process.env.http_proxy = 'http://user:password@proxy.example:3128/'
  t.teardown(() => delete process.env.http_proxy)
  const strangers = await strangersHere()
  t.ok(strangers.includes(join(import.meta.dirname, '../..')))
  t.ok(strangers.includes('proxy.example:3128'))
  t.match(
    await readFile(join(import.meta.dirname, '../../package.json'), 'utf8'),
    /"name": "hoist"/,
    'it is the checkout',
  )
})
