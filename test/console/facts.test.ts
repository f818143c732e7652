import { mkdir, writeFile } from 'node:fs/promises'
import type { NetworkInterfaceInfo } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FactsReader, reachable, unitStates } from '../../appliance/console/facts.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { noteBootFailure } from '../../appliance/machine/boot-failure.ts'
import { writeUpgradeState } from '../../appliance/upgrade/upgrade-state.ts'
import { ensureWebCertificate } from '../../appliance/web-certificate.ts'
import { consoleLab } from './console-lab.ts'

const one = (address: string, internal = false) =>
  ({ address, internal, family: address.includes(':') ? 'IPv6' : 'IPv4' }) as NetworkInterfaceInfo

t.test('addresses are those that others can reach, IPv4 first', async t => {
  t.strictSame(
    reachable({
      lo: [one('127.0.0.1', true), one('::1', true)],
      eth0: [one('2001:db8::1'), one('fe80::1'), one('192.0.2.1'), one('169.254.3.4'), one('fd00::1')],
    }),
    ['192.0.2.1', '2001:db8::1', 'fd00::1'],
  )
})

t.test('states of units are read by their names', async t => {
  const text =
    'Id=hoist.service\nActiveState=activating\n\nId=hoist-boot.service\nActiveState=failed\n\nId=x.service\nActiveState=active\n'
  t.strictSame(unitStates(text), { service: 'activating', boot: 'failed' })
  t.strictSame(unitStates('Id=hoist-boot.service\nActiveState=activating\nSubState=auto-restart\n'), { boot: 'failed' })
  t.strictSame(unitStates(''), {})
})

t.test('all that can be known is read: certificate, findings, upgrade, and what the service says', async t => {
  const lab = await consoleLab(t.testdir())
  const { parts, answers } = lab
  const { thumbprintSha256 } = await ensureWebCertificate(parts.dataDir)
  await mkdir(join(parts.root, 'etc/hoist'), { recursive: true })
  await writeFile(join(parts.root, 'etc/hoist/first-boot-findings.json'), '[{"about":"dns","text":"is none"}]')
  await mkdir(join(parts.root, 'opt/hoist'), { recursive: true })
  await writeUpgradeState(join(parts.root, 'opt/hoist/upgrade-state.json'), {
    phase: 'trying',
    from: '1.0.0',
    to: '1.1.0',
  })
  const bootFailure = { message: 'There is no data disk.', hint: 'Add one.' }
  await noteBootFailure(parts.root, new ApplianceError('DATA_DISK_UNUSABLE', bootFailure.message, bootFailure))
  const view = { version: '1.1.0', claimed: true, problems: [] }
  answers.set('GET /api/local/console', { status: 200, body: view })
  const facts = await new FactsReader(parts).read()
  t.match(facts, {
    fingerprint: thumbprintSha256,
    service: { kind: 'answers', view },
    bootFailure,
    findings: [{ about: 'dns' }],
    upgrade: { phase: 'trying' },
  })
  t.match(lab.said[0], 'systemctl show')
})

t.test(
  'while the service answers and all units are well, they are asked for every five minutes; else each time',
  async t => {
    const { parts, answers, terminal } = await consoleLab(t.testdir())
    let asked = 0
    let helper = 'active'
    parts.run = async () => {
      asked += 1
      return `Id=hoist.service\nActiveState=active\n\nId=hoist-machine.service\nActiveState=${helper}\n`
    }
    const reader = new FactsReader(parts)
    const readAt = async (ms: number) => {
      terminal.nowMs = ms
      return (await reader.read()).units
    }
    for (const ms of [0, 1_000]) await readAt(ms)
    t.equal(asked, 2, 'nobody answers')
    answers.set('GET /api/local/console', { status: 200, body: { version: '1.1.0', claimed: true, problems: [] } })
    helper = 'failed'
    for (const ms of [2_000, 3_000, 300_000]) t.strictSame(await readAt(ms), { service: 'active', helper: 'active' })
    t.equal(asked, 2)
    t.strictSame(await readAt(301_000), { service: 'active', helper: 'failed' })
    helper = 'active'
    t.strictSame(await readAt(302_000), { service: 'active', helper: 'active' })
    t.equal(asked, 4)
    await readAt(330_000)
    t.equal(asked, 4)
    answers.clear()
    await readAt(331_000)
    t.equal(asked, 5)
  },
)

t.test('what cannot be read is left out; how long the service is silent counts from its last answer', async t => {
  const { parts, answers, terminal } = await consoleLab(t.testdir())
  const reader = new FactsReader(parts)
  terminal.nowMs = 5_000
  const facts = await reader.read()
  t.match(facts, { service: { kind: 'silent', forMs: 5_000 }, findings: [] })
  t.notHas(facts, 'fingerprint')
  answers.set('GET /api/local/console', { status: 403, body: { code: 'FORBIDDEN', message: 'No.', hint: 'Ask.' } })
  t.match((await reader.read()).service, { kind: 'refuses', message: 'No.', hint: 'Ask.' })
  answers.delete('GET /api/local/console')
  terminal.nowMs = 8_000
  t.match((await reader.read()).service, { kind: 'silent', forMs: 3_000 })
})

t.test('a damaged database is told with the token of the rescue page, whatever else stands in the way', async t => {
  const { parts, answers } = await consoleLab(t.testdir())
  await writeFile(join(parts.dataDir, 'api-token'), `${'x'.repeat(43)}\n`, { mode: 0o600 })
  await writeFile(join(parts.dataDir, 'web.crt'), 'no certificate')
  answers.set('GET /api/local/console', { status: 503, body: { code: 'STORE_DAMAGED', message: 'Damaged.', hint: '' } })
  t.match((await new FactsReader(parts).read()).service, { kind: 'rescue', message: 'Damaged.', token: 'x'.repeat(43) })
})
