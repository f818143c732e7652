// The server's disks at rest: the run's VM snapshot is taken once, found again, and never leaves disks of two moments.
import { pino } from 'pino'
import t from 'tap'
import type { Ownership, Run, RunStep } from '../../appliance/domain.ts'
import type { RunContext } from '../../appliance/replication/context.ts'
import { freeze, thaw } from '../../appliance/replication/freeze.ts'
import { RunJournal } from '../../appliance/replication/journal.ts'
import { defaultPolicy } from '../../appliance/schedule/policy.ts'
import type { RunRepository } from '../../appliance/store/runs.ts'
import { snapshotMark } from '../../appliance/vsphere/snapshot-mark.ts'
import { createVmSnapshot, findVmSnapshots } from '../../appliance/vsphere/vm-snapshot.ts'
import { sampleDisk, sampleRun } from '../store/samples.ts'
import { mebibyte, serverNamed, startVcenterLab } from '../vsphere/lab-session.ts'

const lab = await startVcenterLab(t, {
  datastores: [{ name: 'vmfs1', type: 'VMFS' }],
  vms: [{ name: 'web01', disks: [{ sizeBytes: mebibyte }, { sizeBytes: mebibyte }] }],
})
const session = await lab.connect()
const server = await serverNamed(session, 'web01')
const [first = 0, second = 0] = server.disks.map(({ key }) => key)
const signal = AbortSignal.timeout(120_000)
let number = 0

/** A run of its own name, and what was stored of it. */
function setUp(run: Partial<Run> = {}, changes: Partial<RunContext> = {}) {
  const saved: Run[] = []
  const repository = { save: async (next: Run) => void saved.push(next) } as unknown as RunRepository
  const id = `run-${++number}`
  const disks = [sampleDisk(first), sampleDisk(second)]
  const journal = new RunJournal(
    sampleRun(number, { id, state: 'uploading', serverName: 'web01', disks, ...run }),
    repository,
    () => undefined,
  )
  const ownership: Ownership = { connectorId: 'c', jobId: 'j', runId: id, serverId: 's', serverName: 'web01' }
  const context = {
    ...{ journal, ownership, vcenter: async () => session, serverMoref: server.moref, log: pino({ level: 'silent' }) },
    ...{ policy: () => defaultPolicy, stopping: signal },
    ...changes,
  } as unknown as RunContext
  const { name, description } = snapshotMark(ownership)
  const take = () => createVmSnapshot(session, { serverMoref: server.moref, name, description, quiesce: false, signal })
  const standing = async () =>
    (await findVmSnapshots(session, { serverMoref: server.moref, name, signal })).map(({ moref }) => moref)
  return { context, journal, saved, take, standing, freeze: () => freeze(server, context, signal) }
}

const step = (kind: RunStep['kind'], phase: RunStep['phase'], diskKey?: number): RunStep => ({
  ...{ kind, phase, at: '2026-03-01T00:00:00Z' },
  ...(diskKey === undefined ? {} : { diskKey }),
})

t.test('a snapshot is intended before it is asked for, noted when it stands, and proven when it is gone', async t => {
  const { context, saved, standing, freeze } = setUp()
  const { moref, disks } = await freeze()
  t.same(await standing(), [moref])
  t.same(
    disks.map(({ key }) => key),
    [first, second],
  )
  t.same(
    saved.map(({ steps, vmSnapshotMoref }) => [steps[0]?.phase, vmSnapshotMoref]),
    [
      ['intended', undefined],
      ['effected', moref],
    ],
  )
  await thaw(context)
  t.same(await standing(), [])
  t.match(saved.at(-1)?.steps, [{ kind: 'vmSnapshot', phase: 'proven' }])
  t.notOk('vmSnapshotMoref' in (saved.at(-1) ?? {}))
  await lab.receivedMethods()
  await thaw(context)
  t.same(await lab.receivedMethods(), [], 'what is proven is not asked for again')
})

t.test('after a restart the same snapshot is read on, and disks that are in S3 stay there', async t => {
  const { moref } = await setUp().take()
  number--
  const { freeze, standing, saved, context } = setUp({
    vmSnapshotMoref: moref,
    steps: [step('vmSnapshot', 'effected'), step('upload', 'proven', first)],
  })
  await lab.receivedMethods()
  t.equal((await freeze()).moref, moref)
  t.notOk((await lab.receivedMethods()).includes('CreateSnapshot_Task'))
  t.same(saved, [], 'nothing to note')
  t.same(await standing(), [moref])
  await thaw(context)
})

t.test('one whose making was not noted is found by its name', async t => {
  const { moref } = await setUp().take()
  number--
  const { freeze, saved, context } = setUp({ steps: [step('vmSnapshot', 'intended')] })
  t.equal((await freeze()).moref, moref)
  t.match(saved.at(-1), { vmSnapshotMoref: moref, steps: [{ phase: 'effected' }] })
  await thaw(context)
})

t.test('one that vCenter is still making is waited for', async t => {
  const hold = await lab.fault({ kind: 'taskHold', method: 'CreateSnapshot_Task' })
  const making = setUp().take()
  number--
  const { freeze, context } = setUp({ steps: [step('vmSnapshot', 'intended')] })
  let found = false
  const freezing = freeze().finally(() => {
    found = true
  })
  await new Promise(resolve => setTimeout(resolve, 300))
  t.notOk(found)
  await t.rejects(thaw(context), { code: 'SERVER_BUSY', message: /still taking/ }, 'nor can it be given up yet')
  await lab.lab.vcenterControl('DELETE', `/faults/${hold}`)
  t.equal((await freezing).moref, (await making).moref)
  await thaw(context)
})

t.test('when it is gone, another is taken, and every disk is read anew: two moments never mix', async t => {
  const { freeze, journal, standing, context } = setUp({
    vmSnapshotMoref: 'snapshot-gone',
    steps: [step('vmSnapshot', 'effected'), step('upload', 'proven', first), step('upload', 'effected', second)],
  })
  const { moref } = await freeze()
  t.same(await standing(), [moref])
  t.same([journal.phase('upload', first), journal.phase('upload', second)], ['intended', 'effected'])
  t.equal(journal.run.vmSnapshotMoref, moref)
  await thaw(context)
})

t.test('when another of its name stands in its place, that is read, from the start', async t => {
  const { moref } = await setUp().take()
  number--
  const { freeze, journal, context } = setUp({
    vmSnapshotMoref: 'snapshot-gone',
    steps: [step('vmSnapshot', 'effected'), step('upload', 'proven', first)],
  })
  t.equal((await freeze()).moref, moref)
  t.equal(journal.phase('upload', first), 'intended')
  t.equal(journal.run.vmSnapshotMoref, moref)
  await thaw(context)
})

t.test('doubles of it go with it, and those of others stay', async t => {
  const other = setUp()
  const theirs = await other.take()
  const { take, standing, freeze, context } = setUp({ steps: [step('vmSnapshot', 'intended')] })
  await take()
  await take()
  await freeze()
  t.equal((await standing()).length, 2, 'no third is taken')
  await thaw(context)
  t.same([await standing(), await other.standing()], [[], [theirs.moref]])
  await other.context.journal.step('vmSnapshot', 'intended')
  await thaw(other.context)
})

t.test('below the floor of the policy nothing is asked for', async t => {
  const policy = () => ({ ...defaultPolicy, datastoreFloor: { percent: 99, bytes: 0 } })
  const { freeze, saved, standing } = setUp({}, { policy })
  await t.rejects(freeze(), { code: 'DATASTORE_LOW', message: /vmfs1 of web01/ })
  t.same([saved, await standing()], [[], []])
})

t.test('a guest that cannot be brought to rest is frozen as it is, with a warning', async t => {
  await lab.fault({ kind: 'quiesceFail' })
  const { freeze, saved, context } = setUp()
  await freeze()
  t.match(saved.at(-1)?.warnings, [{ code: 'QUIESCE_FAILED', severity: 'warning' }])
  await thaw(context)
})

t.test('a server that is gone has taken its snapshots with it', async t => {
  const { context, journal } = setUp({ steps: [step('vmSnapshot', 'effected')] }, { serverMoref: undefined })
  await thaw(context)
  t.equal(journal.phase('vmSnapshot'), 'proven')
})
