// Which machine may act as the connector: judged by a table, then played through with stores that share one bucket.
import { CreateBucketCommand, DeleteObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { type Lease, readLease } from '../../appliance/aws/connector-lease.ts'
import type { Connector } from '../../appliance/domain.ts'
import { ConnectorLease, judgeLease, readOnly, type Standing } from '../../appliance/setup/connector-lease.ts'
import { ensureConnector } from '../../appliance/setup/registration.ts'
import { startLab } from '../lab/lab.ts'
import { applianceParts, awsSecret, awsSettings } from './appliance-parts.ts'

const lab = await startLab({ vcenter: false })
t.teardown(() => lab.stop())
const { endpoint, region, admin, accountId } = lab.aws
const s3 = new S3Client({ endpoint, region, credentials: admin, forcePathStyle: true })
t.teardown(() => s3.destroy())
const fault = (body: object) => lab.awsControl('POST', '/faults', body)
const Key = 'connector/lease.json'

t.test('a lease means what machine, connector and nonce say, in every combination', async t => {
  const written = ['new', 'former']
  const verdict = (changes: Partial<Lease> | undefined, holds: boolean, leaseNonces = written) =>
    judgeLease(
      changes && {
        ...{ version: 1, connectorId: 'us', machineId: 'here', epoch: 5, mark: 10, nonce: 'new' },
        ...{ renewedAt: '2026-01-01T00:00:00Z', ...changes },
      },
      {
        connector: { id: 'us', mark: 10, generation: 'g', ...(leaseNonces.length > 0 ? { leaseNonces } : {}) },
        machineId: 'here',
        holds,
      },
    )
  for (const holds of [false, true]) {
    // Also the one before counts: the answer to the last write may have been lost, or the write itself.
    for (const nonce of written) t.equal(verdict({ nonce }, holds), 'ours')
    t.equal(verdict({ nonce: 'strange' }, holds), holds ? 'fenced' : 'restored')
    for (const other of [{ machineId: 'there' }, { connectorId: 'them' }])
      for (const nonce of ['new', 'strange']) t.equal(verdict({ ...other, nonce }, holds), holds ? 'fenced' : 'cloned')
    t.equal(verdict(undefined, holds), 'leaseGone')
    t.equal(verdict(undefined, holds, []), 'ours', 'before the first there is none')
  }
  for (const mark of [0, 10, 99]) t.equal(verdict({ mark, epoch: mark }, false), 'ours', 'counts decide nothing')
})

t.test('each reason says that nothing is done, and what to decide', async t => {
  for (const reason of ['cloned', 'restored', 'leaseGone', 'fenced'] as const)
    t.match(readOnly(reason), { code: 'CONNECTOR_READ_ONLY', statusCode: 409, message: /nothing is/, hint: /Decide/ })
})

let number = 0

/** A registered connector in a bucket of its own, and machines that take themselves for it. */
async function connector(t: Test) {
  const bucket = `hoist-lease-${++number}`
  await s3.send(
    new CreateBucketCommand({ Bucket: bucket, CreateBucketConfiguration: { LocationConstraint: 'eu-central-1' } }),
  )
  const registered: Connector = {
    ...{ id: `connector-${number}`, mark: 0, bucket, bucketRegion: region, awsAccountId: accountId },
    ...{ vcenterInstanceUuid: 'vcenter', generation: 'first' },
  }
  /** A machine with a database of its own, which says this of the connector. */
  async function machine(machineId: string, database: Connector | undefined = registered) {
    const { store, connections } = await applianceParts(t)
    await connections.changeAws(awsSettings(lab), awsSecret(lab))
    if (database) await store.settings.setConnector(database)
    const told: string[] = []
    const abandoned: string[] = []
    /** A process on this machine's database. */
    const process = (more: { secondLookMs?: number } = {}) => {
      const lease: ConnectorLease = new ConnectorLease({
        settings: store.settings,
        aws: () => connections.aws(),
        ...{ machineId, ...more },
        onChange: async standing => void told.push(describe(standing)),
        abandonRuns: async () => void abandoned.push(describe(lease.standing)),
      })
      return lease
    }
    const known = () => ensureConnector(store.settings)
    return { store, connections, told, abandoned, process, known }
  }
  const first = await machine('first')
  const written = async () => {
    const found = await readLease({ clients: await first.connections.aws(), bucket, accountId })
    return found?.lease
  }
  return { bucket, registered, machine, first, written }
}

function describe(standing: Standing): string {
  return standing.state === 'readOnly' ? `readOnly ${standing.reason}` : standing.state
}

t.test('before it is registered, a connector may act and has no lease; losing the registration is told', async t => {
  const { machine, registered } = await connector(t)
  const { process, told, store, known } = await machine('new', { id: 'new', mark: 0, generation: 'new' })
  const lease = process()
  t.match(lease.standing, { state: 'unknown' })
  t.throws(() => lease.assertActive(), { code: 'CONNECTOR_READ_ONLY' }, 'before it has looked')
  await lease.renew()
  t.same(lease.standing, { state: 'unregistered' })
  lease.assertActive()
  await t.rejects(lease.confirm(), { code: 'CONNECTOR_READ_ONLY' }, 'but it has nothing to remove outside')
  await t.rejects(lease.takeOver(), { code: 'NOTHING_TO_DECIDE' })
  await store.settings.setConnector(registered)
  await lease.renew()
  const { vcenterInstanceUuid: _gone, ...unregistered } = await known()
  await store.settings.setConnector(unregistered)
  await lease.renew()
  await lease.renew()
  t.same(told, ['unregistered', 'active', 'unregistered'])
})

t.test('the mark moves on with every renewal, and the database is never behind the bucket', async t => {
  const { first, written } = await connector(t)
  const lease = first.process()
  await lease.renew()
  t.match(await written(), { connectorId: (await first.known()).id, machineId: 'first', epoch: 1, mark: 1 })
  await Promise.all([lease.advance(), lease.renew(), lease.advance(), lease.confirm()])
  t.match(await written(), { epoch: 1, mark: 3 }, 'those that wait together are served by one')
  t.match(await first.known(), { mark: 3, leaseNonces: [(await written())?.nonce, /./] })
  t.match(lease.standing, { state: 'active', lease: { mark: 3 } })
  t.same(first.told, ['active'], 'told once')
  await t.rejects(lease.becomeAnother(), { code: 'NOTHING_TO_DECIDE', hint: /nothing/ })
})

t.test('each start of the appliance takes the lease with the next epoch', async t => {
  const { first, written } = await connector(t)
  for (const epoch of [1, 2, 3]) {
    const lease = first.process()
    await lease.renew()
    await lease.advance()
    t.match(await written(), { epoch, machineId: 'first' })
  }
})

t.test(
  'a copy of the data directory on the same machine fences the process that works; what is older is read-only',
  async t => {
    const { first, machine, written } = await connector(t)
    const old = first.process()
    await old.renew()
    const present = await machine('first', await first.known())
    const early = await machine('first', await first.known())
    const next = present.process()
    await next.renew()
    t.match(await written(), { epoch: 2 })
    await t.rejects(old.advance(), { code: 'CONNECTOR_READ_ONLY', message: /taken this connector over/ })
    t.same(first.told, ['active', 'unknown', 'readOnly fenced'])
    t.throws(() => old.assertActive(), { code: 'CONNECTOR_READ_ONLY' })
    await old.renew()
    t.match(old.standing, { state: 'readOnly', reason: 'fenced' }, 'only a person gets it out of this')
    await next.confirm()
    t.match(await written(), { epoch: 2, machineId: 'first' })
    const late = early.process()
    await late.renew()
    t.match(late.standing, { state: 'readOnly', reason: 'restored' })
  },
)

t.test(
  'a clone on another machine is read-only until it takes over; then the first is, until it takes back',
  async t => {
    const { first, machine, written } = await connector(t)
    const original = first.process()
    await original.renew()
    const clone = await machine('clone', await first.known())
    const copy = clone.process()
    const before = await written()
    for (let turn = 0; turn < 2; turn++) await copy.renew()
    await t.rejects(copy.advance(), { code: 'CONNECTOR_READ_ONLY', message: /Another machine works/ })
    t.same(clone.told, ['readOnly cloned'])
    t.same([await written(), await clone.known()], [before, await first.known()], 'and nothing is written')
    await original.advance()

    await copy.takeOver()
    t.same(clone.told, ['readOnly cloned', 'active'])
    t.same(clone.abandoned, ['readOnly cloned'], 'its runs end before it acts')
    const taken = await written()
    t.match(taken, { machineId: 'clone', epoch: 2 })
    t.ok((taken?.mark ?? 0) > (original.standing.state === 'active' ? original.standing.lease.mark : 0))
    t.match(await clone.known(), { mark: taken?.mark ?? 0 })
    t.not((await clone.known()).generation, 'first')
    await original.renew()
    t.same(first.told, ['active', 'unknown', 'readOnly fenced'])
    t.same(await written(), taken)

    await original.takeOver()
    t.match(await written(), { machineId: 'first', epoch: 3 })
    t.not((await first.known()).generation, (await clone.known()).generation)
    await t.rejects(copy.advance(), { code: 'CONNECTOR_READ_ONLY' })
  },
)

t.test('a clone may become a connector of its own, which shares nothing with the first', async t => {
  const { first, machine, written } = await connector(t)
  await first.process().renew()
  const clone = await machine('clone', await first.known())
  const copy = clone.process()
  await copy.renew()
  const before = await written()
  await copy.becomeAnother()
  t.same(copy.standing, { state: 'unregistered' })
  t.equal(clone.abandoned.length, 1)
  const { id, bucket, vcenterInstanceUuid, mark } = await clone.known()
  t.not(id, (await first.known()).id)
  t.same([bucket, vcenterInstanceUuid, mark], [undefined, undefined, 0])
  await copy.advance()
  t.same(await written(), before)
})

t.test(
  'a database that was restored from an older backup is read-only; taking over makes a new generation',
  async t => {
    const { first, written } = await connector(t)
    const lease = first.process()
    await lease.renew()
    const backup = await first.known()
    for (let turn = 0; turn < 2; turn++) await lease.renew()
    // The repository itself does not let a mark fall.
    await first.store.settings.setConnector({ id: 'cleared', mark: 0, generation: 'cleared' })
    await first.store.settings.setConnector(backup)
    const again = first.process()
    await again.renew()
    t.match(again.standing, { state: 'readOnly', reason: 'restored', lease: { mark: 3 } })
    t.throws(() => again.assertActive(), { code: 'CONNECTOR_READ_ONLY', message: /not the one/ })
    await again.takeOver()
    t.match(await written(), { machineId: 'first', epoch: 2, mark: 4 })
    t.equal((await first.known()).mark, 4)
    t.not((await first.known()).generation, backup.generation)
    t.same(first.abandoned, ['readOnly restored'])
    await again.advance()
    const next = first.process()
    await next.renew()
    t.equal(next.standing.state, 'active', 'from then on it is the present')
  },
)

t.test('while S3 cannot be asked after a start, nobody may act; then all is well', async t => {
  const { first, written } = await connector(t)
  const lease = first.process()
  await fault({ service: 's3', kind: 'expiredToken', times: 3 })
  await lease.renew()
  t.match(lease.standing, { state: 'unknown', failure: { code: 'AWS_CREDENTIALS_EXPIRED' } })
  t.throws(() => lease.assertActive(), { code: 'AWS_CREDENTIALS_EXPIRED' })
  await lease.renew()
  await t.rejects(lease.advance(), { code: 'AWS_CREDENTIALS_EXPIRED' })
  t.same(first.told, [], 'which is what it was')
  await lease.renew()
  t.equal(lease.standing.state, 'active')
  t.match(await written(), { epoch: 1 })

  t.comment('a connector that is active stays so, but begins nothing')
  await fault({ service: 's3', operation: 'PutObject', kind: 'expiredToken', times: 2 })
  await lease.renew()
  lease.assertActive()
  await t.rejects(lease.advance(), { code: 'AWS_CREDENTIALS_EXPIRED' })
  lease.assertActive()
  await lease.advance()
  t.equal((await written())?.mark, (await first.known()).mark)
})

t.test('who asks to act after what stood in the way was mended has S3 asked once more', async t => {
  const { first } = await connector(t)
  const lease = first.process()
  await fault({ service: 's3', kind: 'expiredToken', times: 2 })
  await lease.renew()
  await t.rejects(lease.ensureActive(), { code: 'AWS_CREDENTIALS_EXPIRED' }, 'it is not mended yet')
  await lease.ensureActive()
  t.equal(lease.standing.state, 'active')

  t.comment('without an answer in time, the reason of before stands')
  const impatient = first.process({ secondLookMs: 50 })
  await fault({ service: 's3', kind: 'hold', times: -1 })
  await t.rejects(impatient.ensureActive(), { code: 'CONNECTOR_READ_ONLY' })
  await lab.awsControl('DELETE', '/faults')
  await impatient.ensureActive()
})

t.test('an answer that is lost does not make a stranger of the connector', async t => {
  const { first } = await connector(t)
  const lease = first.process()
  await fault({ service: 's3', operation: 'PutObject', kind: 'loseAnswer' })
  await lease.renew()
  await fault({ service: 's3', operation: 'PutObject', kind: 'loseAnswer' })
  await lease.advance()
  t.match(lease.standing, { state: 'active', lease: { epoch: 1 } })
})

t.test('a lease that was deleted by hand is no permission: a person decides', async t => {
  const { first, machine, bucket, written } = await connector(t)
  const lease = first.process()
  await lease.renew()
  const clone = await machine('clone', await first.known())
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
  await t.rejects(lease.advance(), { code: 'CONNECTOR_READ_ONLY', message: /removed/ })
  t.same(lease.standing, { state: 'readOnly', reason: 'leaseGone' })
  const copy = clone.process()
  for (const other of [first.process(), copy]) {
    await other.renew()
    t.match(other.standing, { state: 'readOnly', reason: 'leaseGone' })
  }
  t.equal(await written(), undefined)
  await lease.takeOver()
  t.match(await written(), { machineId: 'first', epoch: 1 })
  await copy.takeOver()
  await t.rejects(lease.advance(), { code: 'CONNECTOR_READ_ONLY' })
  t.match(lease.standing, { reason: 'fenced' })
})

t.test('an object that is no lease lets nobody act, and says what to do', async t => {
  const { first, bucket } = await connector(t)
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key, Body: 'hello' }))
  const lease = first.process()
  await lease.renew()
  t.match(lease.standing, { state: 'unknown', failure: { code: 'LEASE_DAMAGED', hint: /delete the object/ } })
  await s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }))
  await lease.renew()
  t.equal(lease.standing.state, 'active', 'it has not written one before')
})

t.test('a decision that cannot reach S3 decides nothing', async t => {
  const { first, machine } = await connector(t)
  await first.process().renew()
  const clone = await machine('clone', await first.known())
  const copy = clone.process()
  await copy.renew()
  await fault({ service: 's3', kind: 'expiredToken' })
  await t.rejects(copy.takeOver(), { code: 'AWS_CREDENTIALS_EXPIRED' })
  t.match(copy.standing, { state: 'readOnly', reason: 'cloned' })
  t.same(clone.abandoned, [])
  await copy.takeOver()
  copy.assertActive()
})

t.test('of two machines that take over at the same moment, one does', async t => {
  const { first, machine, written } = await connector(t)
  await first.process().renew()
  const clones = [await machine('a', await first.known()), await machine('b', await first.known())]
  const leases = clones.map(({ process }) => process())
  await Promise.all(leases.map(lease => lease.renew()))
  const outcomes = await Promise.allSettled(leases.map(lease => lease.takeOver()))
  const active = leases.filter(({ standing }) => standing.state === 'active')
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  // Whoever is later may have read what the other wrote: then it has fenced that one.
  t.equal(active.length, 2 - refused.length)
  for (const lease of leases) await lease.renew()
  const left = leases.filter(({ standing }) => standing.state === 'active')
  t.equal(left.length, 1)
  t.match(left[0]?.standing, { lease: { machineId: (await written())?.machineId ?? '' } })
})
