// How Packer is run, with another program in its place; a whole build is npm run test-ova's.
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { makeSystemDisk } from '../../packer/system-disk.ts'
import { ensureTools } from '../lab/tools.ts'

await ensureTools(['image'])

/** @param script what its `build` does */
async function withPacker(t: Test, script: string, says = 'Packer v1.6.6'): Promise<string> {
  const directory = t.testdir({ bin: {}, work: {} })
  await writeFile(
    join(directory, 'bin/packer'),
    `#!/bin/sh\n[ "$1" = version ] && { echo "${says}"; exit; }\n${script}\n`,
  )
  await chmod(join(directory, 'bin/packer'), 0o755)
  const before = process.env.PATH
  process.env.PATH = `${join(directory, 'bin')}:${before}`
  t.teardown(() => {
    process.env.PATH = before
  })
  return join(directory, 'work')
}

const makesDisk = `for a; do case "$a" in out=*) mkdir "\${a#out=}"; qemu-img create -q -f qcow2 "\${a#out=}/system.qcow2" 1M; esac; done`

const options = { base: '/base.raw', modifiedAt: 1_700_000_000, signal: new AbortController().signal }

t.test('Packer is given a key that only this build has, and its disk becomes a raw one', async t => {
  const directory = await withPacker(t, `echo "$CHECKPOINT_DISABLE" "$@"; ${makesDisk}`)
  const lines: string[] = []
  const raw = await makeSystemDisk({ ...options, directory, onLine: line => lines.push(line) })
  t.equal((await stat(raw)).size, 1024 * 1024)
  t.equal((await stat(join(directory, 'builder'))).mode & 0o777, 0o600)
  t.match(await readFile(join(directory, 'builder.pub'), 'utf8'), /^ssh-ed25519 /)
  t.equal(lines.length, 1)
  t.match(
    lines[0],
    /^1 build .*-var base=\/base\.raw .*-var epoch=1700000000 -var accelerator=(kvm|tcg) \S+\.pkr\.hcl$/,
  )
})

t.test('from 1.7 on Packer is told to fetch its plugin first, and builds the folder that names it', async t => {
  for (const says of [
    'Packer v1.7.0',
    'Packer v1.11.2\n\nYour version of Packer is out of date!',
    'Packer v2.0.0-dev',
  ]) {
    const directory = await withPacker(t, `echo "$@"; ${makesDisk}`, says)
    const lines: string[] = []
    await makeSystemDisk({ ...options, directory, onLine: line => lines.push(line) })
    t.equal(lines.length, 2, says)
    t.match(lines[0], /^init \S+\/packer\/plugins\.pkr\.hcl$/)
    t.match(lines[1], /^build .* \S+\/packer$/)
  }
})

t.test('a plugin that cannot be had, or a Packer that tells no version, builds nothing', async t => {
  const directory = await withPacker(t, 'echo "$1"; exit 1', 'Packer v1.9.4')
  const lines: string[] = []
  await t.rejects(makeSystemDisk({ ...options, directory, onLine: line => lines.push(line) }), { message: /status 1/ })
  t.strictSame(lines, ['init'])
  const other = await withPacker(t, 'exit 0', 'a packer of another trade')
  await t.rejects(makeSystemDisk({ ...options, directory: other, onLine: () => undefined }), { message: /no version/ })
})

t.test('when Packer fails, there is no disk', async t => {
  const directory = await withPacker(t, 'echo why >&2; exit 3')
  const lines: string[] = []
  await t.rejects(makeSystemDisk({ ...options, directory, onLine: line => lines.push(line) }), { message: /status 3/ })
  t.strictSame(lines, ['why'])
})

t.test('a build that is stopped waits until Packer has ended', async t => {
  const directory = await withPacker(t, 'trap "echo stopped; exit 1" TERM; echo started; while :; do sleep 0.05; done')
  const stop = new AbortController()
  const lines: string[] = []
  const onLine = (line: string) => {
    lines.push(line)
    if (line === 'started') stop.abort(new Error('enough'))
  }
  await t.rejects(makeSystemDisk({ ...options, directory, onLine, signal: stop.signal }), { message: 'enough' })
  t.strictSame(lines, ['started', 'stopped'])
})
