// An upgrade through one whole appliance: uploaded, handed to the real helper on a machine in a directory, kept or rolled back.
import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import t, { type Test } from 'tap'
import type { HealthView } from '../appliance/api/schemas/health.ts'
import type { UpgradeView } from '../appliance/api/schemas/upgrade.ts'
import { type App, createApp } from '../appliance/app.ts'
import { upgradeFinding } from '../appliance/app-upgrade.ts'
import { places, startMachineHelper } from '../appliance/machine-helper.ts'
import { upgradeDatabase } from '../appliance/upgrade-database.ts'
import packageJson from '../package.json' with { type: 'json' }
import { poll, siteConfig } from './site.ts'
import { forgedBundle, keyPair } from './upgrade/sample-release.ts'

const { privateKey, publicKey } = keyPair()
const running = packageJson.version
const newer = '999.0.0'

async function machine(t: Test, isWell: () => boolean) {
  const root = mkdtempSync(join(tmpdir(), 'hoist-app-upgrade-'))
  const at = (place: string) => join(root, place)
  for (const place of [`${places.top}/releases/${running}`, places.keys, places.uploads])
    mkdirSync(at(place), { recursive: true })
  for (const link of ['current', 'proven']) symlinkSync(`releases/${running}`, at(`${places.top}/${link}`))
  writeFileSync(at(`${places.keys}/a.pem`), publicKey.export({ type: 'spki', format: 'pem' }))
  const config = {
    ...siteConfig(at(places.data)),
    machineSocket: at(places.socket),
    upgradeState: at(places.upgradeState),
    releaseKeys: at(places.keys),
  }
  let app: App | undefined
  // What is cleared up after an upgrade is over too.
  const ended = Promise.withResolvers<void>()
  const start = async () => {
    app = await createApp(config, pino({ level: 'silent' }))
    app.start()
  }
  const helper = await startMachineHelper({
    root,
    async run(file, args) {
      const words = args.join(' ')
      if (words === 'stop hoist.service') {
        const stopping = app
        app = undefined
        await stopping?.stop()
      }
      if (words === '--no-block start hoist.service') await start()
      if (file === '/usr/bin/setpriv') await upgradeDatabase([args[args.indexOf('--') + 3] ?? '', at(places.data)])
      return ''
    },
    ask: async () => readlinkSync(at(`${places.top}/current`)) === `releases/${running}` || isWell(),
    say: text => text.startsWith('upgrade to') && ended.resolve(),
    onStuck: () => t.fail('the upgrade was not ended'),
    healthyWithinMs: isWell() ? 30_000 : 200,
    healthySteadyMs: 3,
    healthyEveryMs: 1,
  })
  await start()
  t.teardown(async () => {
    await app?.stop()
    await helper.close()
    rmSync(root, { recursive: true, force: true })
  })
  const call = async <T>(method: 'GET' | 'POST', url: string, payload?: object | Buffer) => {
    // Between two starts nobody answers.
    if (!app) return { status: 0, body: {} as T }
    const octets = Buffer.isBuffer(payload) ? { 'content-type': 'application/octet-stream' } : {}
    const answer = await app.api.inject({
      ...{ method, url, headers: { authorization: `Bearer ${app.token}`, ...octets } },
      ...(payload === undefined ? {} : { payload }),
    })
    return { status: answer.statusCode, body: answer.json<T>() }
  }
  const settled = async () => {
    await ended.promise
    return await poll(async () => {
      const { status, body } = await call<UpgradeView>('GET', '/api/upgrade')
      return status === 200 && body.phase === 'settled' && body.last ? body : undefined
    })
  }
  return { call, settled, current: () => readlinkSync(at(`${places.top}/current`)) }
}

t.test('a release that is well becomes the one that runs', async t => {
  const { call, settled, current } = await machine(t, () => true)
  const bytes = forgedBundle(privateKey, { fields: { version: newer, minimumVersion: '0.0.0' } })
  t.match(await call('POST', '/api/upgrade/bundle', bytes), { status: 201, body: { offered: { version: newer } } })
  t.match(await call('POST', '/api/upgrade/install', { version: newer }), { status: 202, body: { to: newer } })
  t.match((await settled()).last, { from: running, to: newer, result: 'upgraded' })
  t.equal(current(), `releases/${newer}`)
})

t.test('one that is not well is rolled back: the page, the checks and the notifications say so', async t => {
  const { call, settled, current } = await machine(t, () => false)
  const bytes = forgedBundle(privateKey, { fields: { version: newer, minimumVersion: '0.0.0' } })
  await call('POST', '/api/upgrade/bundle', bytes)
  await call('POST', '/api/upgrade/install', { version: newer })
  t.match((await settled()).last, { to: newer, result: 'rolled-back', reason: /not well/ })
  t.equal(current(), `releases/${running}`)
  await call('POST', '/api/health/run')
  const check = await poll(async () => {
    const { checks } = (await call<HealthView>('GET', '/api/health')).body
    const found = checks.find(({ id }) => id === 'appliance.upgrade')
    return found?.state === 'warning' ? found : undefined
  })
  t.match(check.cause, new RegExp(`${newer} was not kept`))
})

t.test('a bundle of a foreign key is refused before the helper is asked', async t => {
  const { call, current } = await machine(t, () => true)
  const bytes = forgedBundle(keyPair().privateKey, { fields: { version: newer, minimumVersion: '0.0.0' } })
  t.match(await call('POST', '/api/upgrade/bundle', bytes), { status: 422, body: { code: 'RELEASE_UNTRUSTED' } })
  t.match(await call('POST', '/api/upgrade/install', { version: newer }), { status: 404 })
  t.equal(current(), `releases/${running}`)
})

t.test('a finding is made of how things stand', async t => {
  const view: Parameters<typeof upgradeFinding>[0] = {
    ...{ running: '1.0.0', canUpgrade: true, phase: 'settled', runsUnderWay: 0 },
    auto: {
      ...{ enabled: true, source: { kind: 'bucket' }, windows: [], timeZone: 'UTC' },
      next: { do: 'nothing', why: 'nothingNewer' },
    },
  }
  t.equal(upgradeFinding(view).state, 'success')
  t.equal(upgradeFinding({ ...view, canUpgrade: false }).state, 'notStarted')
  const refused = { from: 'bucket' as const, code: 'AWS_UNREACHABLE', message: 'Away.', hint: 'Look.', at: 'then' }
  t.match(upgradeFinding({ ...view, refused }), { state: 'warning', cause: 'Away. (then)' })
  t.equal(upgradeFinding({ ...view, refused, auto: { ...view.auto, enabled: false } }).state, 'success')
  const last = { from: '1.0.0', to: '1.1.0', result: 'rolled-back' as const, reason: 'Unwell.', at: 'then' }
  t.match(upgradeFinding({ ...view, last }), { state: 'warning', cause: /1\.1\.0 was not kept .*Unwell/ })
  t.equal(upgradeFinding({ ...view, running: '1.2.0', last }).state, 'success', 'a later one took its place')
})
