// What administrators may ask for and when, and what the appliance does of its own accord, with a clock and a helper of the test.
import t, { type Test } from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { nextOpening } from '../../appliance/schedule/weekly-window.ts'
import type { AutoUpgradeSettings } from '../../appliance/store/settings.ts'
import { OfferedBundle } from '../../appliance/upgrade/offered-bundle.ts'
import { UpgradeService, type UpgradeServiceOptions } from '../../appliance/upgrade/upgrade-service.ts'
import type { UpgradeState } from '../../appliance/upgrade/upgrade-state.ts'
import { forgedBundle, keyPair } from './sample-release.ts'

const { privateKey, publicKey } = keyPair()
const bundleOf = (version: string) => forgedBundle(privateKey, { fields: { version } })
const nightly: AutoUpgradeSettings = {
  enabled: true,
  source: { kind: 'bucket' },
  windows: [{ days: ['sun'], from: '02:00', to: '04:00' }],
}
const saturday = '2026-11-21T12:00:00Z'
const sunday = '2026-11-22T02:30:00Z'

function lab(t: Test, changes: Partial<UpgradeServiceOptions> = {}) {
  const world = {
    at: new Date(saturday),
    there: true,
    state: { phase: 'settled' } as UpgradeState,
    settings: undefined as AutoUpgradeSettings | undefined,
    installed: [] as string[],
    upgrade: async () => undefined as undefined,
    objects: {} as Record<string, Buffer>,
    opened: [] as string[],
  }
  const now = () => world.at
  const bundle = new OfferedBundle({
    ...{ directory: t.testdir({}), running: '1.0.0', keys: async () => [publicKey], freeBytes: () => undefined },
    ...{ changed: () => undefined, now },
  })
  const source = (name: string) => {
    world.opened.push(name)
    const bytes = world.objects[name]
    if (!bytes) throw new ApplianceError('NOT_FOUND', 'Nothing there.', { hint: 'Look.' })
    return {
      content: (async function* () {
        yield bytes
      })(),
      close: () => undefined,
    }
  }
  const service = new UpgradeService({
    running: '1.0.0',
    bundle,
    machine: {
      isThere: () => world.there,
      async upgrade(file) {
        world.installed.push(file)
        await world.upgrade()
      },
    },
    readState: async () => world.state,
    runsUnderWay: async () => 3,
    settings: {
      get: async () => world.settings,
      async set(settings) {
        world.settings = settings
      },
    },
    sources: {
      url: async url => source(url),
      object: async key => source(key),
      list: async () => Object.entries(world.objects).map(([key, bytes]) => ({ key, sizeBytes: bytes.length })),
    },
    nextOpening: (windows, instant) => nextOpening(windows, instant, 'UTC'),
    timeZone: () => 'UTC',
    changed: () => undefined,
    now,
    log: { info: () => undefined, warn: () => undefined },
    ...changes,
  })
  const upload = (bytes: Buffer) =>
    service.upload({
      content: (async function* () {
        yield bytes
      })(),
    })
  const received = async () => {
    while (bundle.receiving) await new Promise(setImmediate)
    return await service.view()
  }
  return { world, service, bundle, upload, received }
}

t.test('at first nothing is on offer, and nothing comes by itself', async t => {
  const { service } = lab(t)
  t.match(await service.view(), {
    running: '1.0.0',
    canUpgrade: true,
    phase: 'settled',
    runsUnderWay: 3,
    auto: { enabled: false, source: { kind: 'bucket' }, timeZone: 'UTC', next: { do: 'nothing', why: 'off' } },
  })
})

t.test('a release is uploaded, handed to the helper once, and the page sees it go on', async t => {
  const { service, upload, world } = lab(t)
  const view = await upload(bundleOf('1.1.0'))
  t.match(view.offered, { version: '1.1.0' })
  t.notOk('file' in Object(view.offered), 'the name of a file is nobody else’s')
  await t.rejects(service.install('1.2.0'), { code: 'NOT_FOUND' })
  t.match(await service.install('1.1.0'), { phase: 'handing', to: '1.1.0' })
  t.same(world.installed, ['hoist-1.1.0.tar'])
  for (const act of [() => service.install('1.1.0'), () => upload(bundleOf('1.2.0')), () => service.discard()])
    await t.rejects(act(), { code: 'UPGRADE_IN_PROGRESS' })
  world.state = { phase: 'trying', from: '1.0.0', to: '1.1.0' }
  t.match(await service.view(), { phase: 'trying', to: '1.1.0' })
})

t.test('what the helper refuses stands in the view, and the bundle stays', async t => {
  const { service, upload, world } = lab(t)
  await upload(bundleOf('1.1.0'))
  world.upgrade = async () => {
    throw new ApplianceError('RELEASE_UNTRUSTED', 'Not trusted.', { hint: 'Take another.' })
  }
  await service.install('1.1.0')
  await new Promise(setImmediate)
  t.match(await service.view(), {
    phase: 'settled',
    refused: { from: 'install', code: 'RELEASE_UNTRUSTED' },
    offered: { version: '1.1.0' },
  })
  await service.discard()
  t.match(await service.view(), { offered: undefined, refused: undefined })
})

t.test('without a helper nothing may be done, and the reading goes on', async t => {
  const { service, upload, world } = lab(t)
  world.there = false
  for (const act of [
    () => upload(bundleOf('1.1.0')),
    () => service.fetch({ from: 'bucket', key: 'releases/x.tar' }),
    () => service.install('1.1.0'),
    () => service.discard(),
  ])
    await t.rejects(act(), { code: 'MACHINE_UNAVAILABLE' })
  t.match(await service.view(), { canUpgrade: false })
})

t.test('a bundle is fetched behind the answer, and how that ended is seen', async t => {
  const { service, world, received } = lab(t)
  const url = 'https://releases.test/hoist.tar'
  world.objects = { [url]: bundleOf('1.1.0'), 'releases/hoist-1.2.0.tar': bundleOf('1.2.0') }
  t.match(await service.fetch({ from: 'url', url }), { receiving: { from: 'url' } })
  await t.rejects(service.fetch({ from: 'url', url }), { code: 'RELEASE_BUSY' })
  t.match(await received(), { offered: { version: '1.1.0' } })
  await service.fetch({ from: 'bucket', key: 'releases/hoist-1.2.0.tar' })
  t.match(await received(), { offered: { version: '1.2.0' } })
  await service.fetch({ from: 'bucket', key: 'releases/none.tar' })
  t.match(await received(), { offered: { version: '1.2.0' }, refused: { from: 'bucket', code: 'NOT_FOUND' } })
  await t.rejects(service.fetch({ from: 'url', url: 'http://x/' }), { code: 'RELEASE_ADDRESS_REFUSED' })
})

t.test('the bucket is listed, newest version first', async t => {
  const { service, world } = lab(t)
  for (const name of ['hoist-1.9.0', 'hoist-1.10.0', 'other', 'hoist-0.9.0'])
    world.objects[`releases/${name}.tar`] = Buffer.alloc(1)
  const listed = await service.releases()
  t.same(
    listed.map(({ version }) => version),
    ['1.10.0', '1.9.0', '0.9.0', undefined],
  )
})

t.test('by itself it looks once a day, and installs inside the window', async t => {
  const { service, world } = lab(t)
  world.settings = nightly
  world.objects = { 'releases/hoist-1.1.0.tar': bundleOf('1.1.0'), 'releases/hoist-0.9.0.tar': bundleOf('0.9.0') }
  await service.think()
  t.match(await service.view(), {
    offered: { version: '1.1.0' },
    auto: {
      lastLookAt: '2026-11-21T12:00:00.000Z',
      next: { do: 'upgrade', to: '1.1.0', at: '2026-11-22T02:00:00.000Z' },
    },
  })
  await service.think()
  t.same(world.opened, ['releases/hoist-1.1.0.tar'], 'not again on the same day')
  t.same(world.installed, [])
  world.at = new Date(sunday)
  await service.think()
  t.same(world.installed, ['hoist-1.1.0.tar'])
})

const stepOf = (version: string, minimumVersion: string) =>
  forgedBundle(privateKey, { fields: { version, minimumVersion } })
const keyOf = (version: string) => `releases/hoist-${version}.tar`

t.test('by itself it takes the step on the way to a release that is too far ahead', async t => {
  const { service, world } = lab(t)
  world.settings = { ...nightly, windows: [] }
  world.objects = {
    [keyOf('1.1.0')]: bundleOf('1.1.0'),
    [keyOf('1.3.0')]: stepOf('1.3.0', '1.0.0'),
    [keyOf('1.5.0')]: stepOf('1.5.0', '1.3.0'),
    [keyOf('1.4.0')]: stepOf('1.4.0', '1.2.0'),
  }
  await service.think()
  t.same(world.opened, ['1.5.0', '1.4.0', '1.3.0'].map(keyOf), 'newest first, and no further than needed')
  t.same(world.installed, ['hoist-1.3.0.tar'])
  t.match(await service.view(), { offered: { version: '1.3.0' }, refused: undefined })
})

t.test('a step that is on offer already is not refused on the next day', async t => {
  const { service, world } = lab(t)
  world.settings = nightly
  world.objects = { [keyOf('1.3.0')]: stepOf('1.3.0', '1.0.0'), [keyOf('1.5.0')]: stepOf('1.5.0', '1.3.0') }
  await service.think()
  world.at = new Date('2026-11-22T12:00:01Z')
  await service.think()
  t.equal(world.opened.length, 4)
  t.match(await service.view(), { offered: { version: '1.3.0' }, refused: undefined })
})

t.test('without a step on the way that is newer and was not tried in vain, it is said what is missing', async t => {
  const { service, world } = lab(t)
  world.settings = { ...nightly, windows: [] }
  world.objects = {
    [keyOf('0.9.0')]: bundleOf('0.9.0'),
    [keyOf('1.0.0')]: bundleOf('1.0.0'),
    [keyOf('1.3.0')]: stepOf('1.3.0', '1.0.0'),
    [keyOf('1.4.0')]: stepOf('1.4.0', '1.2.0'),
    [keyOf('1.5.0')]: stepOf('1.5.0', '1.3.0'),
  }
  world.state = { phase: 'settled', last: { from: '1.0.0', to: '1.3.0', result: 'rolled-back', at: saturday } }
  await service.think()
  t.same(world.opened, ['1.5.0', '1.4.0'].map(keyOf))
  t.same(world.installed, [])
  t.match(await service.view(), {
    offered: undefined,
    refused: { from: 'bucket', code: 'RELEASE_STEP_MISSING', message: /1\.4\.0 needs 1\.2\.0/ },
  })
})

t.test('for another reason than a missing step, no older release is taken', async t => {
  const { service, world } = lab(t)
  world.settings = { ...nightly, windows: [] }
  world.objects = { [keyOf('1.3.0')]: bundleOf('1.3.0'), [keyOf('1.5.0')]: Buffer.from('damaged') }
  await service.think()
  t.same(world.opened, [keyOf('1.5.0')])
  t.match(await service.view(), { refused: { code: 'RELEASE_DAMAGED' }, offered: undefined })
})

t.test('one that was rolled back or that the helper refuses is not installed night after night', async t => {
  const { service, upload, world } = lab(t)
  world.settings = { ...nightly, windows: [], lastLookAt: saturday }
  await upload(bundleOf('1.1.0'))
  world.upgrade = async () => {
    throw new ApplianceError('MACHINE_FAILED', 'No.', { hint: 'No.' })
  }
  await service.think()
  await new Promise(setImmediate)
  await service.think()
  t.equal(world.installed.length, 1, 'once a day')
  world.state = {
    phase: 'settled',
    last: { from: '1.0.0', to: '1.1.0', result: 'rolled-back', reason: 'Unwell.', at: saturday },
  }
  world.at = new Date('2026-11-24T00:00:00Z')
  await service.think()
  t.equal(world.installed.length, 1)
  t.match((await service.view()).auto.next, { do: 'nothing', why: 'tried' })
})

t.test('by itself nothing happens when it is off, without a helper, or during an upgrade', async t => {
  const { service, world } = lab(t)
  world.objects = { 'releases/hoist-1.1.0.tar': bundleOf('1.1.0') }
  await service.think()
  world.settings = { ...nightly, windows: [] }
  world.there = false
  await service.think()
  world.there = true
  world.state = { phase: 'preparing', from: '1.0.0', to: '1.1.0' }
  await service.think()
  t.same([world.opened, world.installed], [[], []])
})

t.test('a change of the settings is thought of at once', async t => {
  const { service, world, bundle } = lab(t)
  const url = 'https://releases.test/newest.tar'
  world.objects = { [url]: bundleOf('1.1.0') }
  service.start()
  await t.rejects(service.configure({ ...nightly, source: { kind: 'url', url: 'https://u@x/' } }), {
    code: 'RELEASE_ADDRESS_REFUSED',
  })
  await service.configure({ ...nightly, source: { kind: 'url', url } })
  while (!bundle.offer) await new Promise(setImmediate)
  t.same(world.opened, [url])
  await service.stop()
})

t.test('whoever has seen an upgrade under way is told of its end, once', async t => {
  let told = 0
  const { service, world } = lab(t, { changed: () => told++, lookMs: 5 })
  world.state = { phase: 'trying', from: '0.9.0', to: '1.0.0' }
  t.match(await service.view(), { phase: 'trying' })
  await service.view()
  t.equal(told, 0)
  world.state = { phase: 'settled' }
  while (told === 0) await new Promise(resolve => setTimeout(resolve, 1))
  t.match(await service.view(), { phase: 'settled' })
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(told, 1)
  // Another one is followed as well.
  world.state = { phase: 'preparing', from: '1.0.0', to: '1.1.0' }
  await service.view()
  world.state = { phase: 'settled' }
  while (told === 1) await new Promise(resolve => setTimeout(resolve, 1))
  t.equal(told, 2)
})

t.test('a state that cannot be read is told to the log, and a service that stops says nothing', async t => {
  const warned: string[] = []
  const log = { info: () => undefined, warn: (_fields: object, message: string) => void warned.push(message) }
  let look = 0
  const readState = async (): Promise<UpgradeState> => {
    if (++look === 2) throw new ApplianceError('UPGRADE_FAILED', 'No state.', { hint: 'Look.' })
    return { phase: 'trying', from: '0.9.0', to: '1.0.0' }
  }
  const { service } = lab(t, { readState, log, lookMs: 5 })
  await service.view()
  while (warned.length === 0) await new Promise(setImmediate)
  t.strictSame(warned, ['end of an upgrade not known'])
  await service.view()
  await service.stop()
  await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(warned.length, 1)
})
