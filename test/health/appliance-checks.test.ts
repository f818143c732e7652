// The appliance's checks of itself, each side of each limit.
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { applianceChecks } from '../../appliance/health/appliance-checks.ts'
import { runCheck } from '../../appliance/health/check.ts'

const now = new Date('2026-03-10T12:00:00Z')
const dayMs = 86_400_000
const ago = (ms: number) => new Date(now.getTime() - ms)
const base: Parameters<typeof applianceChecks>[0] = {
  dataDir: t.testdir(),
  // No image of the appliance.
  root: t.testdir(),
  version: '1.2.3',
  startedAt: ago(1_000),
  now: () => now,
  readStore: async () => undefined,
  lastBackupAt: async () => ago(3_600_000).toISOString(),
  leftovers: async () => [],
  assertActive: () => undefined,
  registered: () => true,
  webCertificate: () => ({ validTo: ago(-100 * dayMs), selfSigned: true }),
  timeSync: async () => ({ source: 'chrony', synchronized: true, servers: ['ntp.example'], offsetMs: 3 }),
}

async function ask(id: string, options: Partial<typeof base> = {}) {
  const check = applianceChecks({ ...base, ...options }).find(one => one.id === id)
  if (!check) throw new Error(id)
  return await runCheck(check, { signal: new AbortController().signal, now: () => now, onError: () => undefined })
}

t.test('NTP: kept, off, not kept, unknown', async t => {
  t.match(await ask('network.ntp'), { state: 'success', cause: /ntp\.example/ })
  const sync = { source: 'chrony', synchronized: true, servers: [] } as const
  t.match(await ask('network.ntp', { timeSync: async () => ({ ...sync, servers: [], offsetMs: -4_000 }) }), {
    state: 'warning',
    cause: /-4000 ms/,
  })
  t.match(await ask('network.ntp', { timeSync: async () => ({ ...sync, servers: [], synchronized: false }) }), {
    state: 'warning',
  })
  t.match(await ask('network.ntp', { timeSync: async () => undefined }), { state: 'warning', cause: /not known/ })
})

t.test('the disks and the need of a restart are asked about', async t => {
  t.match(await ask('appliance.disk'), { cause: /GiB are free/ })
  t.match(await ask('appliance.disk', { dataDir: '/nowhere' }), { state: 'error' })
  t.match(await ask('appliance.systemDisk'), { state: 'success' })
  t.match(await ask('appliance.restart'), { state: 'success' })
})

t.test('memory tells what is left', async t => {
  t.match(await ask('appliance.memory'), { cause: /MiB are left/ })
  t.match(await ask('appliance.memory', { availableMemory: () => 1e6 }), { state: 'error', fix: /memory/ })
  t.match(await ask('appliance.memory', { availableMemory: () => 200e6 }), { state: 'warning' })
  t.match(await ask('appliance.memory', { availableMemory: () => 2e9 }), { state: 'success' })
})

t.test('the database was checked by the last backup or the last start, whichever is newer', async t => {
  t.match(await ask('appliance.database'), { state: 'success', cause: new RegExp(ago(1_000).toISOString()) })
  t.match(await ask('appliance.database', { startedAt: ago(dayMs) }), {
    cause: new RegExp(ago(3_600_000).toISOString()),
  })
  t.match(await ask('appliance.database', { lastBackupAt: async () => undefined }), { state: 'success' })
  const damaged = new ApplianceError('STORE_DAMAGED', 'Damaged', { hint: 'Restore' })
  t.match(await ask('appliance.database', { readStore: () => Promise.reject(damaged) }), {
    state: 'error',
    fix: 'Restore',
  })
})

t.test('backups: fresh, late, stopped, none yet', async t => {
  const of = (ms: number) => ask('appliance.backup', { lastBackupAt: async () => ago(ms).toISOString() })
  t.match(await of(3_600_000), { state: 'success' })
  t.match(await of(1.2 * dayMs), { state: 'warning', fix: /log/ })
  t.match(await of(4 * dayMs), { state: 'error' })
  const none = { lastBackupAt: async () => undefined }
  t.match(await ask('appliance.backup', none), { state: 'notStarted' })
  t.match(await ask('appliance.backup', { ...none, startedAt: ago(5 * dayMs) }), { state: 'error' })
})

t.test('the web certificate: one of its own renews itself, one of a CA does not', async t => {
  const of = (days: number, selfSigned: boolean) =>
    ask('appliance.certificate', { webCertificate: () => ({ validTo: ago(-days * dayMs), selfSigned }) })
  t.match(await of(100, false), { state: 'success' })
  t.match(await of(10, false), { state: 'warning' })
  t.match(await of(10, true), { state: 'success', cause: /renews/ })
  t.match(await of(-1, true), { state: 'error' })
})

t.test('leftovers are counted by what becomes of them', async t => {
  t.match(await ask('appliance.leftovers'), { state: 'success' })
  const found = ['remove', 'remove', 'adopt', 'keep', 'inUse'].map(verdict => ({ verdict }))
  t.match(await ask('appliance.leftovers', { leftovers: async () => found }), {
    state: 'warning',
    cause: /^2 things.* 1 images/,
  })
  t.match(await ask('appliance.leftovers', { leftovers: async () => [{ verdict: 'keep' }] }), { state: 'success' })
})

t.test('the standing of the connector, in its own words when it may not act', async t => {
  t.match(await ask('appliance.connector'), { state: 'success' })
  t.match(await ask('appliance.connector', { registered: () => false }), { state: 'notStarted' })
  const assertActive = () => {
    throw new ApplianceError('CONNECTOR_READ_ONLY', 'Another machine works', { hint: 'Decide' })
  }
  t.match(await ask('appliance.connector', { assertActive }), {
    state: 'error',
    cause: 'Another machine works',
    fix: 'Decide',
  })
})

t.test('the version is told', async t => {
  t.match(await ask('appliance.version'), { state: 'success', cause: /Hoist 1\.2\.3 on Node\.js/ })
})
