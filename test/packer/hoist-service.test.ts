// The sandbox of hoist.service, as systemd judges it without a machine that runs it.
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ensureTools } from '../lab/tools.ts'

await ensureTools(['image'])

const unit = join(import.meta.dirname, '../../packer/rootfs/etc/systemd/system/hoist.service')

/** Fails with what systemd finds wrong when the exposure is above 2.0 (in tenths). */
const judge = (path: string) =>
  promisify(execFile)('systemd-analyze', ['security', '--offline=yes', '--threshold=20', '--no-pager', path], {
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })

t.test('the exposure of the service is at most 2.0', async t => {
  const { stdout } = await judge(unit)
  const [, exposure] = /exposure level for hoist\.service: ([0-9.]+) /.exec(stdout) ?? []
  t.ok(Number(exposure) <= 2, `it is ${exposure}`)
})

t.test('a unit that is open to more is told apart', async t => {
  const weaker = join(t.testdir(), 'hoist.service')
  const lines = readFileSync(unit, 'utf8').split('\n')
  const closed = /^(User|CapabilityBoundingSet|SystemCallFilter|PrivateUsers|RestrictNamespaces|ProtectSystem)=/
  writeFileSync(weaker, lines.filter(line => !closed.test(line)).join('\n'))
  await t.rejects(judge(weaker), { code: 1, stdout: /exposure level for hoist\.service: [3-9]/ })
})
