import { PutObjectCommand } from '@aws-sdk/client-s3'
import t from 'tap'
import { type Lease, readLease, writeLease } from '../../appliance/aws/connector-lease.ts'
import type { ApplianceError } from '../../appliance/errors.ts'
import { awsCli, awsCliBytes, awsLab, connect, makeBucket } from './aws-lab.ts'

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients, retries } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const { accountId } = lab.aws
  const place = { clients, bucket, accountId }
  const object = ['--bucket', bucket, '--key', 'connector/lease.json']
  const leaseOf = (machineId: string, mark: number): Lease => ({
    version: 1,
    connectorId: 'c0ffee00',
    machineId,
    epoch: 1,
    mark,
    nonce: 'n1',
    renewedAt: '2026-11-21T03:04:05.000Z',
  })
  const fault = (body: Record<string, unknown>) =>
    lab.awsControl('POST', '/faults', { service: 's3', operation: 'PutObject', ...body })
  const put = async (text: string) => {
    await awsCli(lab, 's3api', 'delete-object', ...object)
    const { admin } = lab.aws
    const { clients: theirs } = connect(t, lab, { key: admin })
    await theirs.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'connector/lease.json', Body: text }))
  }

  t.test('a first lease is written where none is, and read as it was', async t => {
    t.equal(await readLease(place), undefined)
    const lease = { ...leaseOf('vm-1', 7), host: 'hoist-1' }
    const etag = await writeLease({ ...place, lease })
    t.same(await readLease(place), { lease, etag })
    const witness = await awsCliBytes(lab, 's3', 'cp', `s3://${bucket}/connector/lease.json`, '-')
    t.same(JSON.parse(witness.toString()), lease)
  })

  t.test('a renewal replaces the lease that was read, and no other', async t => {
    const found = await readLease(place)
    const renewed = await writeLease({ ...place, lease: leaseOf('vm-1', 8), etag: found?.etag })
    t.not(renewed, found?.etag)
    await t.rejects(writeLease({ ...place, lease: leaseOf('vm-2', 9), etag: found?.etag }), {
      code: 'LEASE_TAKEN',
      message: /another/,
    })
    await t.rejects(writeLease({ ...place, lease: leaseOf('vm-2', 9) }), { code: 'LEASE_TAKEN' })
    t.match(await readLease(place), { lease: { machineId: 'vm-1', mark: 8 } })
    t.same(retries, [])
  })

  t.test('of machines that write at once one has the lease', async t => {
    for (let mark = 10; mark < 14; mark++) {
      const etag = (await readLease(place))?.etag
      const machines = ['vm-1', 'vm-2', 'vm-3', 'vm-4']
      const ends = await Promise.allSettled(
        machines.map(machineId => writeLease({ ...place, lease: leaseOf(machineId, mark), etag })),
      )
      const winners = machines.filter((_, index) => ends[index]?.status === 'fulfilled')
      t.equal(winners.length, 1)
      for (const end of ends) {
        if (end.status === 'rejected') t.equal((end.reason as ApplianceError).code, 'LEASE_TAKEN')
      }
      t.match(await readLease(place), { lease: { machineId: winners[0], mark } })
    }
  })

  t.test('a write whose answer was lost is known as our own', async t => {
    const etag = (await readLease(place))?.etag
    await fault({ kind: 'loseAnswer' })
    const written = await writeLease({ ...place, lease: leaseOf('vm-1', 30), etag })
    t.same(await readLease(place), { lease: leaseOf('vm-1', 30), etag: written })
    t.same(retries.splice(0), ['network s3:PutObject'])
    await awsCli(lab, 's3api', 'delete-object', ...object)
    await fault({ kind: 'loseAnswer' })
    t.equal((await readLease(place))?.etag, undefined)
    t.ok(await writeLease({ ...place, lease: leaseOf('vm-1', 31) }))
    retries.splice(0)
  })

  t.test('a conflict with another write is decided by asking again', async t => {
    const code = 'ConditionalRequestConflict'
    await fault({ kind: 'error', code, message: 'The conditional request cannot succeed', statusCode: 409 })
    const etag = (await readLease(place))?.etag
    t.ok(await writeLease({ ...place, lease: leaseOf('vm-1', 32), etag }))
    await fault({ kind: 'error', code, message: 'The conditional request cannot succeed', statusCode: 409 })
    await t.rejects(writeLease({ ...place, lease: leaseOf('vm-2', 32), etag }), { code: 'LEASE_TAKEN' })
  })

  t.test('a lease that was deleted is not quietly made again', async t => {
    const etag = (await readLease(place))?.etag
    await awsCli(lab, 's3api', 'delete-object', ...object)
    await t.rejects(writeLease({ ...place, lease: leaseOf('vm-1', 33), etag }), {
      code: 'LEASE_TAKEN',
      message: /gone/,
    })
    t.equal(await readLease(place), undefined)
  })

  t.test('what is no lease of this version is refused by name', async t => {
    const good = leaseOf('vm-1', 1)
    const bad: [string, RegExp][] = [
      ['{', /no JSON/],
      ['null', /no object/],
      [JSON.stringify({ ...good, version: 2 }), /version is 2/],
      [JSON.stringify({ ...good, connectorId: '' }), /connectorId/],
      [JSON.stringify({ ...good, machineId: 5 }), /machineId/],
      [JSON.stringify({ ...good, epoch: -1 }), /epoch/],
      [JSON.stringify({ ...good, mark: 1.5 }), /mark/],
      [JSON.stringify({ ...good, nonce: '' }), /nonce/],
      [JSON.stringify({ ...good, renewedAt: 'yesterday' }), /renewedAt/],
      [JSON.stringify({ ...good, host: 5 }), /host/],
      [JSON.stringify({ ...good, host: 'x'.repeat(20_000) }), /bytes/],
    ]
    for (const [text, message] of bad) {
      await put(text)
      await t.rejects(readLease(place), { code: 'LEASE_DAMAGED', message })
    }
    await t.rejects(writeLease({ ...place, lease: good }), { code: 'LEASE_DAMAGED' })
  })

  t.test('the documented policy lets the connector write its lease on a condition only', async t => {
    const write = clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'connector/lease.json', Body: 'mine' }))
    await t.rejects(write, { name: 'AccessDenied' })
    const elsewhere = clients.s3.send(new PutObjectCommand({ Bucket: bucket, Key: 'connector/else', Body: 'mine' }))
    await t.rejects(elsewhere, { name: 'AccessDenied' })
  })
})
