// What becomes a notification, once, and in which words.
import t from 'tap'
import type { Job, Run } from '../../appliance/domain.ts'
import {
  certificateExpiring,
  connectorReadOnly,
  credentialsExpired,
  credentialsExpiring,
  occasionsOfRun,
  snapshotOld,
  upgradeFailed,
} from '../../appliance/notify/occasions.ts'

const at = (iso: string) => new Date(iso)
const job = (more: Partial<Job> = {}): Job => ({
  id: 'j1',
  serverId: 's1',
  serverName: 'web01',
  schedule: { startAt: '2026-11-20T00:00:00.000Z', everyHours: 12 },
  settings: { licence: 'auto', imageMethod: 'registered', encrypted: false, retention: 7, tags: {} },
  state: 'active',
  createdAt: '2026-11-20T00:00:00.000Z',
  nextRunAt: '2026-11-21T12:00:00.000Z',
  failuresInARow: 0,
  ...more,
})
const run = (more: Partial<Run> = {}): Run => ({
  id: 'r1',
  jobId: 'j1',
  serverId: 's1',
  serverName: 'web01',
  state: 'succeeded',
  trigger: 'schedule',
  createdAt: '2026-11-21T00:00:00.000Z',
  endedAt: '2026-11-21T01:00:00.000Z',
  disks: [],
  steps: [],
  resumptions: 0,
  retries: {},
  imageSnapshotIds: [],
  warnings: [],
  ...more,
})
const failed = run({
  state: 'failed',
  failure: { code: 'DATASTORE_FULL', message: 'ds1 has 2 GiB left.', hint: 'Free some space.', stage: 'uploading' },
})
const events = (...endings: Parameters<typeof occasionsOfRun>) => occasionsOfRun(...endings).map(({ event }) => event)

t.test('every failure is told, with server, cause and what to do', async t => {
  const [told, ...more] = occasionsOfRun({
    run: failed,
    job: job({ failuresInARow: 2 }),
    failuresBefore: 1,
    succeededBefore: true,
  })
  t.strictSame(more, [])
  t.match(told, {
    event: 'runFailed',
    id: 'runFailed:r1',
    at: failed.endedAt,
    title: 'web01: replication failed (DATASTORE_FULL)',
    details: {
      server: 'web01',
      jobId: 'j1',
      runId: 'r1',
      code: 'DATASTORE_FULL',
      stage: 'uploading',
      failuresInARow: '2',
    },
  })
  t.equal(
    told?.text,
    `The replication of the server "web01" failed while its disks were uploaded. It is failure 2 in a row.

Cause: ds1 has 2 GiB left.

What to do: Free some space.

The next run is planned for 2026-11-21 12:00 UTC; one can be started by hand before.`,
  )
  const { nextRunAt: _, ...once } = job()
  t.match(
    occasionsOfRun({ run: failed, job: once, failuresBefore: 0, succeededBefore: true })[0]?.text,
    /No further run/,
  )
})

t.test('a run that was cancelled or missed tells nothing, and an uneventful success neither', async t => {
  for (const state of ['cancelled', 'missed', 'succeeded'] as const)
    t.strictSame(
      events({ run: run({ state }), job: job(), failuresBefore: state === 'succeeded' ? 0 : 3, succeededBefore: true }),
      [],
    )
})

t.test('the first success after failures is a recovery, the first of all is told as such', async t => {
  const image = run({ imageId: 'ami-1' })
  const [recovered] = occasionsOfRun({ run: image, job: job(), failuresBefore: 3, succeededBefore: true })
  t.match(recovered, {
    event: 'recovered',
    id: 'recovered:r1',
    text: /after 3 failures in a row. Its image is ami-1\./,
  })
  const [first] = occasionsOfRun({ run: image, job: job(), failuresBefore: 0, succeededBefore: false })
  t.match(first, { event: 'firstSuccess', id: 'firstSuccess:j1', details: { imageId: 'ami-1' } })
  t.strictSame(events({ run: image, job: job(), failuresBefore: 1, succeededBefore: false }), [
    'recovered',
    'firstSuccess',
  ])
})

t.test('a job that the appliance paused is told of, one that a user paused is not', async t => {
  const paused = job({ state: 'paused', pausedBecause: '5 runs failed in a row.', failuresInARow: 5 })
  const told = occasionsOfRun({ run: failed, job: paused, failuresBefore: 4, succeededBefore: true })
  t.strictSame(
    told.map(({ event }) => event),
    ['runFailed', 'jobPaused'],
  )
  t.match(told[0]?.text, /The job is paused/)
  t.match(told[1], { id: 'jobPaused:j1:r1', text: /5 runs failed in a row\.[\s\S]*resume the job/ })
  const again = { run: failed, job: paused, failuresBefore: 5, succeededBefore: true, pausedBefore: true }
  t.strictSame(events(again), ['runFailed'], 'it was paused before')
  t.strictSame(events({ run: failed, job: job({ state: 'paused' }), failuresBefore: 0, succeededBefore: true }), [
    'runFailed',
  ])
})

t.test('a name with line breaks stays one line in a title', async t => {
  const odd = run({ ...failed, serverName: 'web\r\nBcc: x\u2028y' })
  t.equal(
    occasionsOfRun({ run: odd, job: job(), failuresBefore: 0, succeededBefore: true })[0]?.title,
    'web Bcc: x y: replication failed (DATASTORE_FULL)',
  )
})

t.test('a snapshot is told of when it is old, under the same id for as long as it is there', async t => {
  const snapshot = { moref: 'snapshot-7', openedAt: '2026-11-21T00:00:00.000Z', serverName: 'web01', runId: 'r1' }
  t.equal(snapshotOld(snapshot, 6, at('2026-11-21T05:59:59Z')), undefined)
  const told = snapshotOld(snapshot, 6, at('2026-11-21T06:00:00Z'))
  t.match(told, {
    event: 'snapshotOld',
    title: 'web01: VM snapshot is open for 6 hours',
    details: { snapshot: 'snapshot-7' },
  })
  t.equal(snapshotOld(snapshot, 6, at('2026-11-23T06:00:00Z'))?.id, told?.id)
  t.not(snapshotOld({ ...snapshot, openedAt: '2026-11-21T00:00:01.000Z' }, 6, at('2026-11-23T06:00:00Z'))?.id, told?.id)
  const { runId: _, ...lost } = snapshot
  t.match(snapshotOld(lost, 6, at('2026-11-22T00:00:00Z'))?.text, /No run needs it/)
  t.equal(snapshotOld({ ...lost, openedAt: 'damaged' }, 6, at('2026-11-22T00:00:00Z')), undefined)
})

t.test('a certificate is told of 30, 14, 7 days and 1 day before its end, once each', async t => {
  const certificate = {
    of: 'vcenter' as const,
    name: 'vc.example.com',
    validTo: '2026-12-31T00:00:00.000Z',
    thumbprintSha256: 'AB:CD',
  }
  const ids = new Map<string, string>()
  for (let time = Date.parse('2026-11-21T00:00:00Z'); time < Date.parse('2027-01-03T00:00:00Z'); time += 3_600_000) {
    const told = certificateExpiring(certificate, new Date(time))
    if (told && !ids.has(told.id)) ids.set(told.id, told.title)
  }
  t.strictSame(
    [...ids.values()],
    ['30 days', '14 days', '7 days', '1 day'].map(left => `vc.example.com: certificate expires in ${left}`),
  )
  t.equal(
    certificateExpiring(certificate, at('2026-12-31T00:00:00Z'))?.title,
    'vc.example.com: certificate has expired',
  )
  t.match(certificateExpiring(certificate, at('2026-12-30T12:00:00Z'))?.title, /less than a day/)
  t.equal(certificateExpiring({ ...certificate, validTo: 'damaged' }, at('2026-12-31T00:00:00Z')), undefined)
  for (const kind of ['ca', 'web', 'host'] as const)
    t.match(certificateExpiring({ ...certificate, of: kind }, at('2026-12-30T00:00:00Z'))?.text, /What to do: \S/, kind)
})

t.test('credentials are told of a day and an hour before their end, and when AWS refuses them', async t => {
  const credentials = { accessKeyId: 'ASIAEXAMPLE', expiresAt: '2026-11-22T00:00:00.000Z' }
  t.equal(credentialsExpiring(credentials, at('2026-11-20T23:59:59Z')), undefined)
  t.match(credentialsExpiring(credentials, at('2026-11-21T00:00:00Z')), {
    title: 'AWS credentials expire in 24 hours',
    id: /:24$/,
  })
  t.match(credentialsExpiring(credentials, at('2026-11-21T23:15:00Z')), { title: /45 minutes/, id: /:1$/ })
  t.match(credentialsExpiring(credentials, at('2026-11-22T00:00:00Z')), { title: /have expired/, id: /:1$/ })
  t.match(credentialsExpired(credentials, at('2026-11-22T00:00:00Z')), {
    event: 'credentialsExpiring',
    id: 'credentialsExpiring:ASIAEXAMPLE:refused',
    text: /enter fresh credentials/,
  })
})

t.test('a connector that became read-only is told of once, until its lease is written again', t => {
  const now = at('2026-11-21T00:00:00Z')
  for (const reason of ['cloned', 'restored', 'leaseGone', 'fenced'] as const) {
    const told = connectorReadOnly({ id: 'c-1', leaseNonces: ['n2', 'n1'] }, reason, now)
    t.match(told, {
      event: 'connectorReadOnly',
      id: 'connectorReadOnly:c-1:n2',
      details: { connectorId: 'c-1', reason },
    })
    t.match(told.text, /Cause: [a-z].+\.\n\nWhat to do: decide/)
  }
  const later = connectorReadOnly({ id: 'c-1', leaseNonces: ['n3', 'n2'] }, 'fenced', now)
  t.equal(later.id, 'connectorReadOnly:c-1:n3')
  t.equal(connectorReadOnly({ id: 'c-1' }, 'leaseGone', now).id, 'connectorReadOnly:c-1:')
  t.end()
})

t.test('a release that was not kept is told of once for each attempt, with what runs and why', async t => {
  const at = '2026-11-22T02:05:00.000Z'
  const told = upgradeFailed({ from: '1.0.0', to: '1.1.0', result: 'rolled-back', reason: 'It was not well.', at })
  t.match(told, {
    event: 'upgradeFailed',
    id: `upgradeFailed:1.1.0:${at}`,
    title: /1\.0\.0 again: 1\.1\.0 was not kept/,
    text: /taken back.*\n\nCause: It was not well\.\n\nWhat to do: /,
    details: { from: '1.0.0', to: '1.1.0', result: 'rolled-back' },
  })
  t.match(upgradeFailed({ from: '1.0.0', to: '1.1.0', result: 'refused', at }).text, /was not installed/)
})
