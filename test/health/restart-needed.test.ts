// Updates that wait for a restart: what Debian leaves on the disk, in a root directory of the test's own.
import t, { type Test } from 'tap'
import { runCheck } from '../../appliance/health/check.ts'
import { restartCheck } from '../../appliance/health/restart-needed.ts'
import { sandboxShows, unitValues } from './service-unit.ts'

const { signal } = new AbortController()
const old = '6.1.0-56-cloud-amd64'
const newer = '6.1.0-57-cloud-amd64'
const link = (t: Test, target: string) => t.fixture('symlink', target)
const image = (t: Test) => ({ opt: { hoist: { current: link(t, 'releases/1.2.3') } } })

async function ask(root: string, kernel: string | undefined = old) {
  const options = { signal, now: () => new Date(), onError: () => undefined }
  return await runCheck(restartCheck({ root, kernel }), options)
}

t.test('a machine whose kernel is the newest needs none', async t => {
  // The link leads nowhere here, as in the sandbox of the service, which hides /boot.
  const root = t.testdir({ ...image(t), run: {}, vmlinuz: link(t, `boot/vmlinuz-${old}`) })
  t.match(await ask(root), { state: 'success', cause: 'Not needed.' })
})

t.test('a newer kernel on the disk waits for a restart, and both are named with what to do', async t => {
  const root = t.testdir({ ...image(t), run: {}, vmlinuz: link(t, `boot/vmlinuz-${newer}`) })
  t.match(await ask(root), {
    state: 'warning',
    cause: `Security updates wait for a restart: kernel ${old} runs, ${newer} is installed.`,
    fix: /^Restart the machine on the page Settings, Appliance, or on its console, when no run is under way/,
  })
  t.match(await ask(root, newer), { state: 'success' })
})

t.test("Debian's mark counts also where the kernel keeps its name, and tells which packages wait", async t => {
  const mark = (run: Record<string, string>) => t.testdir({ ...image(t), run, vmlinuz: link(t, `boot/vmlinuz-${old}`) })
  const listed = `linux-image-${old}\nlinux-image-${old}\n<b>Not a package</b>\nlibc6\n\n`
  t.match(await ask(mark({ 'reboot-required': '', 'reboot-required.pkgs': listed })), {
    state: 'warning',
    cause: `Security updates wait for a restart: linux-image-${old}, libc6.`,
  })
  t.match(await ask(mark({ 'reboot-required': '' })), {
    state: 'warning',
    cause: 'Security updates wait for a restart.',
  })
  const many = Array.from({ length: 50 }, (_, at) => `package-${at}\n`).join('')
  t.match(await ask(mark({ 'reboot-required': '', 'reboot-required.pkgs': many })), { cause: /package-4\.$/ })
})

t.test('elsewhere than on the image a kernel says nothing, and the mark does', async t => {
  const newerLink = () => ({ vmlinuz: link(t, `boot/vmlinuz-${newer}`) })
  t.match(await ask(t.testdir(newerLink())), { state: 'success' })
  t.match(await ask(t.testdir({})), { state: 'success' })
  t.match(await ask(t.testdir({ run: { 'reboot-required': '' } })), { state: 'warning' })
})

t.test('an image without that link, or with one to something else, is not warned of', async t => {
  t.match(await ask(t.testdir(image(t))), { state: 'success' })
  t.match(await ask(t.testdir({ ...image(t), vmlinuz: link(t, 'boot/kernel') })), { state: 'success' })
})

t.test('the kernel that runs is asked of the system unless given', async t => {
  const root = t.testdir({ ...image(t), vmlinuz: link(t, 'boot/vmlinuz-0.0.1-none') })
  t.match(await runCheck(restartCheck({ root }), { signal, now: () => new Date(), onError: () => undefined }), {
    cause: /kernel \d+\.\S+ runs, 0\.0\.1-none is installed/,
  })
})

t.test('the sandbox of the service shows the mark, the link and the releases, though not /boot', async t => {
  t.ok(sandboxShows('/run/reboot-required', '/run/reboot-required.pkgs', '/vmlinuz', '/opt/hoist/current'))
  t.notOk(sandboxShows('/boot/vmlinuz'), 'so the link is not followed')
  t.strictSame(unitValues('ProcSubset'), [])
})
