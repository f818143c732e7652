// The checks of vCenter against the lab: all well, then each trouble by its name.
import t, { type Test } from 'tap'
import type { VcenterSettings } from '../../appliance/domain.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { type CheckResult, runCheck } from '../../appliance/health/check.ts'
import { vcenterChecks } from '../../appliance/health/vcenter-checks.ts'
import { retrieveServers } from '../../appliance/vsphere/inventory.ts'
import { VcenterSession } from '../../appliance/vsphere/session.ts'
import { snapshotMark } from '../../appliance/vsphere/snapshot-mark.ts'
import { createVmSnapshot } from '../../appliance/vsphere/vm-snapshot.ts'
import { type Lab, type LabConfig, startLab } from '../lab/lab.ts'

const connectorId = 'c0ffee123456'
const server = { name: 'web01', disks: [{ sizeBytes: 1 << 20 }] }

async function side(t: Test, config: LabConfig = {}) {
  const lab = await startLab({ aws: false, config: { vms: [server], ...config } })
  t.teardown(() => lab.stop())
  const settings: VcenterSettings = {
    host: lab.vcenter.host,
    username: lab.vcenter.connector.username,
    trust: { kind: 'pinned', certificatePem: lab.vcenter.certificatePem },
  }
  const session = await VcenterSession.open({ ...settings, password: lab.vcenter.connector.password })
  t.teardown(() => session.close())
  return { lab, settings, session }
}

/** Asks all of them; results by id. */
async function ask(options: Partial<Parameters<typeof vcenterChecks>[0]>): Promise<Record<string, CheckResult>> {
  const checks = vcenterChecks({
    settings: async () => undefined,
    session: () => Promise.reject(new ApplianceError('NOT_CONFIGURED', 'Not set up', { hint: '' })),
    connectorId: async () => connectorId,
    async *serversWithJobs() {
      // none
    },
    snapshotAgeHours: () => 24,
    now: () => new Date(),
    ...options,
  })
  const errors: unknown[] = []
  const asking = {
    signal: new AbortController().signal,
    now: () => new Date(),
    onError: (thrown: unknown) => errors.push(thrown),
  }
  const results = await Promise.all(checks.map(check => runCheck(check, asking)))
  t.same(errors, [])
  return Object.fromEntries(results.map(result => [result.id, result]))
}

const given = ({ settings, session }: { settings: VcenterSettings; session: VcenterSession; lab: Lab }) => ({
  settings: async () => settings,
  session: async () => session,
})

t.test('before vCenter is set up nothing applies', async t => {
  for (const { id, state } of Object.values(await ask({}))) t.equal(state, 'notStarted', id)
})

t.test('all is well under the documented role', async t => {
  const results = await ask(given(await side(t)))
  t.match(results, {
    'network.vcenter': { state: 'success' },
    'vcenter.certificate': { state: 'success', cause: /Valid until/ },
    'vcenter.login': { state: 'success', cause: /hoist@vsphere\.local on .*API/ },
    'vcenter.privileges': { state: 'success' },
    'vcenter.snapshots': { state: 'success', cause: 'None is open.' },
    'vcenter.consolidation': { state: 'success' },
  })
  t.match(
    results['network.hosts'],
    { state: 'warning', cause: /DNS knows no address of esx1\.lab/ },
    'the lab has no DNS',
  )
})

t.test('disks that vCenter wants consolidated are told, of servers with jobs only', async t => {
  const vcenter = await side(t)
  const [page] = await Array.fromAsync(retrieveServers(vcenter.session, {}))
  const [web] = page ?? []
  if (!web) throw new Error('the lab has no server')
  await vcenter.lab.vcenterControl('POST', `/vms/${web.moref}/consolidation`, { needed: true })
  t.match((await ask(given(vcenter)))['vcenter.consolidation'], { state: 'success' }, "somebody else's server")
  const ours = {
    async *serversWithJobs() {
      yield web.moref
    },
  }
  t.match((await ask({ ...given(vcenter), ...ours }))['vcenter.consolidation'], {
    state: 'warning',
    cause: /need consolidation: web01\.$/,
    fix: /consolidate these servers in vCenter/,
  })
})

t.test('missing privileges are named with what they are for', async t => {
  const deny = ['VirtualMachine.State.RemoveSnapshot', 'VApp.Export']
  const results = await ask(given(await side(t, { denyPrivileges: { 'hoist@vsphere.local': deny } })))
  t.match(results['vcenter.privileges'], {
    state: 'error',
    cause: /RemoveSnapshot \(to remove.*VApp\.Export \(to read/,
    fix: /RemoveSnapshot, VApp\.Export/,
  })
})

t.test('another certificate, one that ends soon, and one that has ended', async t => {
  const one = await side(t)
  const other = await side(t)
  const settings = async () => ({ ...one.settings, host: other.settings.host })
  const changed = await ask({ ...given(one), settings })
  t.match(changed['vcenter.certificate'], {
    state: 'error',
    cause: /shows the certificate .* accepted was/,
    fix: /listening/,
  })
  t.match(changed['network.vcenter'], { state: 'error', cause: /TLS/ })
  const end = /Valid until (\S+)\./.exec((await ask(given(one)))['vcenter.certificate']?.cause ?? '')?.[1] ?? ''
  const at = (daysBefore: number) => () => new Date(Date.parse(end) - daysBefore * 86_400_000)
  t.match((await ask({ ...given(one), now: at(10) }))['vcenter.certificate'], { state: 'warning', cause: /ends in/ })
  t.match((await ask({ ...given(one), now: at(-2) }))['vcenter.certificate'], { state: 'error', cause: /ended/ })
})

t.test('snapshots that are open too long are told with their servers', async t => {
  const one = await side(t)
  const [page = []] = await Array.fromAsync(retrieveServers(one.session))
  const mark = snapshotMark({ connectorId, jobId: 'j', runId: 'r' })
  const [vm] = page
  if (!vm) throw new Error('The lab has no server')
  await createVmSnapshot(one.session, {
    serverMoref: vm.moref,
    ...mark,
    quiesce: false,
    signal: AbortSignal.timeout(30_000),
  })
  t.match((await ask(given(one)))['vcenter.snapshots'], { state: 'success', cause: /1 open: web01 \(0\.0 h\)/ })
  const strict = await ask({ ...given(one), snapshotAgeHours: () => -1 })
  t.match(strict['vcenter.snapshots'], { state: 'warning', cause: /web01/, fix: /leftovers/ })
})

t.test('a vCenter that is away', async t => {
  const one = await side(t)
  await one.lab.stop()
  const results = await ask(given(one))
  t.match(results['network.vcenter'], { state: 'error', cause: /ECONNREFUSED/, fix: /firewall/ })
  t.match(results['vcenter.privileges'], { state: 'error', cause: /cannot be reached/ })
})
