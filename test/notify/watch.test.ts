// The hourly look: every reader by itself, and what it finds is posted.
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { Notification } from '../../appliance/domain.ts'
import { knownCertificates, Watch, type WatchReaders } from '../../appliance/notify/watch.ts'
import { makeIdentity } from '../vsphere/tls-server.ts'

const now = () => new Date('2026-11-21T12:00:00.000Z')

function watching(t: Test, readers: Partial<WatchReaders>, everyMs?: number) {
  const posted: Notification[] = []
  const watch = new Watch({
    readers: {
      openSnapshots: async () => [{ moref: 'snapshot-1', openedAt: '2026-11-21T00:00:00.000Z', serverName: 'web01' }],
      certificates: async () => [
        { of: 'web', name: 'hoist', validTo: '2026-11-25T00:00:00.000Z', thumbprintSha256: 'AB' },
      ],
      credentials: async () => [{ accessKeyId: 'ASIA1', expiresAt: '2026-11-21T13:00:00.000Z' }],
      snapshotAgeHours: async () => 6,
      ...readers,
    },
    post: async notification => void posted.push(notification),
    now,
    log: pino({ level: 'silent' }),
    ...(everyMs === undefined ? {} : { everyMs }),
  })
  t.teardown(() => watch.stop())
  return { watch, posted, events: () => posted.map(({ event }) => event).sort() }
}

t.test('snapshots, certificates and credentials are looked at', async t => {
  const { watch, events } = watching(t, {})
  await watch.look()
  t.strictSame(events(), ['certificateExpiring', 'credentialsExpiring', 'snapshotOld'])
})

t.test('a reader that fails does not keep the others from being asked', async t => {
  const { watch, events } = watching(t, { openSnapshots: async () => Promise.reject(new Error('vCenter is away')) })
  await watch.look()
  t.strictSame(events(), ['certificateExpiring', 'credentialsExpiring'])
})

t.test('it looks at its start and then again and again, one look at a time, until it is stopped', async t => {
  let looks = 0
  let atOnce = 0
  const { watch } = watching(
    t,
    {
      openSnapshots: async () => {
        t.equal(++atOnce, 1)
        looks++
        await new Promise(setImmediate)
        atOnce--
        return []
      },
    },
    1,
  )
  watch.start()
  await Promise.all([watch.look(), watch.look()])
  while (looks < 3) await new Promise(setImmediate)
  await watch.stop()
  const seen = looks
  await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(looks, seen)
})

t.test('stopping ends a look that waits', async t => {
  const asked = Promise.withResolvers<void>()
  const { watch, events } = watching(t, {
    openSnapshots: signal =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        asked.resolve()
      }),
  })
  watch.start()
  await asked.promise
  await watch.stop()
  t.notOk(events().includes('snapshotOld'))
})

t.test('the certificates of the settings and of the web server are known', async t => {
  const notAfter = new Date('2027-01-01T00:00:00.000Z')
  const [vcenter, other, web] = [1, 2, 3].map(() => makeIdentity({ notAfter }).certificatePem)
  const settings = (trust: object) => ({ host: 'vc.test', username: 'u', trust: trust as never })
  t.match(
    knownCertificates({
      vcenter: settings({ kind: 'pinned', certificatePem: vcenter }),
      web: { name: 'hoist', pem: web ?? '' },
    }),
    [
      { of: 'vcenter', name: 'vc.test', validTo: notAfter.toISOString(), thumbprintSha256: /^([0-9A-F]{2}:){31}/ },
      { of: 'web', name: 'hoist' },
    ],
  )
  const bundle = knownCertificates({ vcenter: settings({ kind: 'ca', caPem: `${vcenter}${other}` }) })
  t.match(bundle, [{ of: 'ca' }, { of: 'ca' }])
  t.not(bundle[0]?.thumbprintSha256, bundle[1]?.thumbprintSha256)
  const damaged = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'
  t.strictSame(knownCertificates({ vcenter: settings({ kind: 'ca', caPem: damaged }) }), [])
  t.strictSame(knownCertificates({}), [])
})
