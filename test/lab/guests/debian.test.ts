import t from 'tap'
import { ensureTools, run } from '../tools.ts'
import { bootGuest } from './boot.ts'
import { debianGuest } from './debian.ts'

// Made once from Debian's packages; two boots under emulation.
t.setTimeout(900_000)

await ensureTools(['guests', 'boot'])
const guest = await debianGuest()

t.test("the Debian server's disks hold file systems without errors, and a GPT", async t => {
  t.match(await run('sfdisk', ['--verify', guest.root]), /No errors detected/)
  await t.resolves(run('e2fsck', ['-f', '-n', `${guest.root}?offset=${50 * 1024 * 1024}`]))
  await t.resolves(run('e2fsck', ['-f', '-n', guest.data]))
})

t.test('the Debian server carries no package source, name server or proxy of the machine that made it', async t => {
  const disk = `${guest.root}?offset=${50 * 1024 * 1024}`
  const listing = await run('debugfs', ['-R', 'ls -p /etc/apt', disk])
  t.notMatch(listing, /sources\.list/)
  t.notMatch(await run('debugfs', ['-R', 'ls -p /etc', disk]), /resolv\.conf/)
  const settings = (await run('debugfs', ['-R', 'ls -p /etc/apt/apt.conf.d', disk]))
    .split('\n')
    .map(line => line.split('/')[5])
  for (const name of settings.filter(name => name !== undefined && /^\w/.test(name))) {
    t.notMatch(await run('debugfs', ['-R', `cat /etc/apt/apt.conf.d/${name}`, disk]), /proxy|http:/i, name ?? '')
  }
})

for (const firmware of ['bios', 'efi'] as const) {
  t.test(`the Debian server boots by ${firmware} to its login prompt`, async t => {
    const seconds = await bootGuest([guest.root, guest.data], { firmware, timeoutMs: 300_000 })
    t.comment(`${seconds.toFixed(1)} s`)
    t.ok(seconds > 0)
  })
}

t.test('a disk without a boot loader is reported with what the console said', async t => {
  const boot = bootGuest([guest.data], { firmware: 'bios', timeoutMs: 5_000 })
  await t.rejects(boot, { message: /no login prompt within 5 s[\s\S]*console/ })
})
