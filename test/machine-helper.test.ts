// The helper as one piece, on a machine in a directory: bundles through its socket, power cuts.
import { createPublicKey } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t, { type Test } from 'tap'
import { ApplianceError } from '../appliance/errors.ts'
import { machineClient } from '../appliance/machine/client.ts'
import type { LineServer } from '../appliance/machine/line-server.ts'
import { checkMachineHelper, places, runMachineHelper, startMachineHelper } from '../appliance/machine-helper.ts'
import { openDatabase } from '../appliance/store/database.ts'
import { readUpgradeState, writeUpgradeState } from '../appliance/upgrade/upgrade-state.ts'
import { upgradeDatabase } from '../appliance/upgrade-database.ts'
import { notifySocket, withoutSystemd } from './notify-socket.ts'
import { forgedBundle, keyPair, sampleBundle } from './upgrade/sample-release.ts'

const { privateKey } = keyPair()
const publicPem = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' })

/** systemd, setpriv and the service as far as the helper sees them. `well` says of which releases the service is well. */
function machine(t: Test, well: (version: string) => boolean, checks: (words: string) => boolean = () => true) {
  const root = mkdtempSync(join(tmpdir(), 'hoist-helper-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const at = (place: string) => join(root, place)
  for (const place of [`${places.top}/releases/1.0.0`, places.keys, places.uploads])
    mkdirSync(at(place), { recursive: true })
  for (const link of ['current', 'proven']) symlinkSync('releases/1.0.0', at(`${places.top}/${link}`))
  writeFileSync(at(`${places.keys}/2026.pem`), publicPem)
  mkdirSync(join(at(places.booted), '..'), { recursive: true })
  writeFileSync(at(places.booted), '')
  openDatabase(at(`${places.data}/hoist.db`)).close()
  const current = () => readlinkSync(at(`${places.top}/current`)).replace('releases/', '')
  const ran: string[] = []
  const said: string[] = []
  const stuck = Promise.withResolvers<void>()
  const upgraded = Promise.withResolvers<void>()
  let running: string | undefined = '1.0.0'

  async function run(file: string, args: readonly string[]): Promise<string> {
    const words = [file, ...args].join(' ')
    ran.push(words)
    if (words === '/usr/bin/systemctl stop hoist.service') running = undefined
    if (words === '/usr/bin/systemctl --no-block start hoist.service') running = current()
    if (file === '/usr/bin/setpriv') await databaseStep(args)
    if (words.includes('restart hoist-machine.service')) upgraded.resolve()
    if (args.includes('--check') && !checks(words)) throw new Error(`${words} does not load`)
    return ''
  }
  async function databaseStep(args: readonly string[]) {
    const [node = '', script, step = '', dataDir] = args.slice(args.indexOf('--') + 1)
    if (dataDir !== '/var/lib/hoist' || !script?.endsWith('/appliance/upgrade-database.ts'))
      throw new Error(`setpriv ${args}`)
    if (!existsSync(at(node.split('/').slice(1, 5).join('/')))) throw new Error(`there is no release for ${node}`)
    await upgradeDatabase([step, at(places.data)])
  }
  const start = async (): Promise<LineServer> => {
    const server = await startMachineHelper({
      root,
      run,
      ask: async () => running !== undefined && well(running),
      say: text => said.push(text),
      onStuck: () => stuck.resolve(),
      healthyWithinMs: 100,
      healthySteadyMs: 3,
      healthyEveryMs: 1,
    })
    t.teardown(() => server.close())
    return server
  }
  return {
    root,
    at,
    ran,
    said,
    current,
    start,
    run,
    upgraded: upgraded.promise,
    running: () => running,
    client: machineClient(at(places.socket)),
    state: () => readUpgradeState(at(places.upgradeState)),
    upload: (name: string, bytes: Buffer) => writeFileSync(at(`${places.uploads}/${name}`), bytes),
    async uploadRelease(version: string) {
      const bundle = await sampleBundle(t.testdir(), privateKey, { version })
      copyFileSync(bundle, at(`${places.uploads}/new.tar`))
    },
  }
}

/** Until what an upgrade does afterwards has ended. */
async function settled(lab: ReturnType<typeof machine>) {
  for (;;) {
    const answer = await lab.client.ask({ verb: 'proxy' }).catch((thrown: ApplianceError) => thrown)
    if (!(answer instanceof ApplianceError && answer.code === 'UPGRADE_IN_PROGRESS')) return
    await new Promise(resolve => setImmediate(resolve))
  }
}

t.test('a good release is installed through the socket, and the helper asks to be started anew', async t => {
  const lab = machine(t, () => true)
  await lab.start()
  await lab.uploadRelease('1.1.0')
  t.same(await lab.client.ask({ verb: 'upgrade', file: 'new.tar' }), { version: '1.1.0' })
  await lab.upgraded
  t.equal(lab.running(), '1.1.0')
  t.equal(lab.current(), '1.1.0')
  t.match(await lab.state(), { phase: 'settled', last: { from: '1.0.0', to: '1.1.0', result: 'upgraded' } })
  t.same(lab.said, ['upgrade to 1.1.0: upgraded'])
  t.same(readdirSync(lab.at(`${places.top}/releases`)), ['1.0.0', '1.1.0'])
  const steps = lab.ran.filter(words => words.startsWith('/usr/bin/setpriv'))
  t.equal(steps.length, 3)
  t.equal(
    steps[0],
    '/usr/bin/setpriv --reuid=hoist --regid=hoist --clear-groups --no-new-privs --inh-caps=-all -- /opt/hoist/releases/1.0.0/bin/node /opt/hoist/releases/1.0.0/appliance/upgrade-database.ts keep /var/lib/hoist',
  )
  t.match(steps[1], /releases\/1\.1\.0\/.* try-migration/)
  t.equal(readlinkSync(lab.at(`${places.top}/proven`)), 'releases/1.1.0')
  t.same(lab.ran.slice(-2), [
    '/usr/bin/systemctl --no-block try-restart hoist-console@*.service',
    '/usr/bin/systemctl --no-block restart hoist-machine.service',
  ])
})

t.test('a release whose boot, helper or console does not load never runs', async t => {
  for (const program of ['boot', 'machine-helper', 'console']) {
    const words = `/opt/hoist/releases/1.1.0/bin/node /opt/hoist/releases/1.1.0/appliance/${program}.ts --check`
    const lab = machine(
      t,
      () => true,
      asked => asked !== words,
    )
    await lab.start()
    await lab.uploadRelease('1.1.0')
    await lab.client.ask({ verb: 'upgrade', file: 'new.tar' })
    await settled(lab)
    t.match(await lab.state(), { last: { result: 'refused', reason: `${words} does not load` } }, program)
    t.equal(lab.current(), '1.0.0')
    t.equal(lab.running(), '1.0.0')
  }
})

t.test('a helper is checked by what it begins with', async t => {
  const lab = machine(t, () => true)
  await checkMachineHelper(lab.root)
  writeFileSync(lab.at(places.upgradeState), 'damaged')
  await t.rejects(checkMachineHelper(lab.root), { code: 'UPGRADE_FAILED' })
})

t.test('one that does not become well is rolled back by itself, and everything else is refused meanwhile', async t => {
  const lab = machine(t, version => version === '1.0.0')
  await lab.start()
  await lab.uploadRelease('1.1.0')
  await lab.client.ask({ verb: 'upgrade', file: 'new.tar' })
  await t.rejects(lab.client.ask({ verb: 'restart', what: 'machine' }), { code: 'UPGRADE_IN_PROGRESS' })
  await settled(lab)
  t.equal(lab.running(), '1.0.0')
  t.match(await lab.state(), { last: { result: 'rolled-back', reason: /not well within 0.1 seconds/ } })
  t.notOk(lab.ran.some(words => words.includes('reboot')))
  t.notOk(lab.ran.some(words => words.includes('hoist-machine')))
  t.same(
    readdirSync(lab.at(places.data)).filter(name => name !== 'hoist.db' && name !== 'uploads'),
    [],
  )
})

t.test('no bundle that is tampered, older, foreign, unsigned or not there stops the service', async t => {
  const lab = machine(t, () => true)
  await lab.start()
  await lab.uploadRelease('1.0.0')
  const refused = async (code: string, file = 'new.tar') =>
    await t.rejects(lab.client.ask({ verb: 'upgrade', file }), { code }, code)
  await refused('RELEASE_NOT_NEWER')
  lab.upload('new.tar', forgedBundle(privateKey, { fields: { product: 'other' } }))
  await refused('RELEASE_FOREIGN')
  lab.upload('new.tar', forgedBundle(keyPair().privateKey, {}))
  await refused('RELEASE_UNTRUSTED')
  const bytes = forgedBundle(privateKey, {})
  bytes[bytes.length - 1100] = (bytes[bytes.length - 1100] ?? 0) ^ 1
  lab.upload('new.tar', bytes)
  await refused('RELEASE_DAMAGED')
  await refused('RELEASE_DAMAGED', 'none.tar')
  symlinkSync('/etc/shadow', lab.at(`${places.uploads}/link.tar`))
  await refused('RELEASE_DAMAGED', 'link.tar')
  rmSync(lab.at(places.uploads), { recursive: true })
  symlinkSync('/etc', lab.at(places.uploads))
  await refused('NOT_FOUND', 'passwd')
  t.same(lab.ran, [])
  t.same(readdirSync(lab.at(`${places.top}/releases`)), ['1.0.0'])
})

t.test('without a trusted key nothing is installed', async t => {
  const lab = machine(t, () => true)
  rmSync(lab.at(`${places.keys}/2026.pem`))
  await lab.start()
  await lab.uploadRelease('1.1.0')
  await t.rejects(lab.client.ask({ verb: 'upgrade', file: 'new.tar' }), { code: 'RELEASE_UNTRUSTED' })
})

t.test('an upgrade that a power cut ended is rolled back before the service starts', async t => {
  const lab = machine(t, () => true)
  await lab.run('/usr/bin/setpriv', [
    '--',
    '/opt/hoist/releases/1.0.0/bin/node',
    '/appliance/upgrade-database.ts',
    'keep',
    '/var/lib/hoist',
  ])
  mkdirSync(lab.at(`${places.top}/releases/1.1.0`))
  rmSync(lab.at(`${places.top}/current`))
  symlinkSync('releases/1.1.0', lab.at(`${places.top}/current`))
  await writeUpgradeState(lab.at(places.upgradeState), { phase: 'trying', from: '1.0.0', to: '1.1.0' })
  const newer = new DatabaseSync(lab.at(`${places.data}/hoist.db`))
  newer.exec('PRAGMA user_version = 99')
  newer.close()
  await lab.start()
  t.equal(lab.current(), '1.0.0')
  openDatabase(lab.at(`${places.data}/hoist.db`)).close()
  t.same(lab.said, ['upgrade to 1.1.0 was interrupted: rolled-back'])
  t.match(await lab.client.ask({ verb: 'restart', what: 'service' }), {})
})

t.test('while the data disk is away, an interrupted upgrade is not taken for ended', async t => {
  const lab = machine(t, () => true)
  const trying = { phase: 'trying', from: '1.0.0', to: '1.1.0' } as const
  const data = lab.at(places.data)
  await upgradeDatabase(['keep', data])
  renameSync(data, `${data}.away`)
  mkdirSync(data)
  rmSync(lab.at(places.booted))
  await writeUpgradeState(lab.at(places.upgradeState), trying)
  await t.rejects(lab.start(), { code: 'MACHINE_FAILED', message: /data disk/ })
  t.same(await lab.state(), trying)
  t.same(lab.ran, [], 'nothing is put back, started or removed')
  rmSync(data, { recursive: true })
  renameSync(`${data}.away`, data)
  writeFileSync(lab.at(places.booted), '')
  await lab.start()
  t.match(await lab.state(), { last: { result: 'rolled-back' } })
})

t.test('what a helper left that was ended while it unpacked is removed at its start', async t => {
  const lab = machine(t, () => true)
  mkdirSync(lab.at(`${places.top}/releases/.unfinished-x/tree`), { recursive: true })
  await lab.start()
  t.same(readdirSync(lab.at(`${places.top}/releases`)), ['1.0.0'])
})

t.test('an upgrade that cannot be ended asks for a new start, which ends it', async t => {
  const lab = machine(t, version => version === '1.0.0')
  let broken = true
  const { promise: stuck, resolve } = Promise.withResolvers<void>()
  const server = await startMachineHelper({
    root: lab.root,
    async run(file, args) {
      if (broken && args.includes('restore')) throw new ApplianceError('MACHINE_FAILED', 'No disk.', { hint: 'Wait.' })
      return await lab.run(file, args)
    },
    ask: async () => false,
    say: text => lab.said.push(text),
    onStuck: resolve,
    healthyWithinMs: 20,
    healthySteadyMs: 3,
    healthyEveryMs: 1,
  })
  await lab.uploadRelease('1.1.0')
  await lab.client.ask({ verb: 'upgrade', file: 'new.tar' })
  await stuck
  t.same(lab.said, ['failed: No disk.'])
  t.match(await lab.state(), { phase: 'rolling-back' })
  await server.close()
  broken = false
  await lab.start()
  t.equal(lab.running(), '1.0.0')
  t.match(await lab.state(), { last: { result: 'rolled-back', reason: /not well/ } })
})

t.test('a factory reset is only marked: it is done at the next boot', async t => {
  const lab = machine(t, () => true)
  const server = await lab.start()
  await lab.client.ask({ verb: 'reset', confirm: 'erase everything' })
  t.equal(lab.ran.at(-1), '/usr/bin/systemctl --no-block reboot')
  t.ok(existsSync(lab.at('etc/hoist/factory-reset')))
  await server.close()
  await lab.start()
  t.ok(existsSync(lab.at(`${places.data}/hoist.db`)), 'the helper leaves it to the boot')
})

t.test('what is set is told through the socket', async t => {
  const lab = machine(t, () => true)
  await lab.start()
  await lab.client.ask({ verb: 'hostname', name: 'a.example' })
  await lab.client.ask({ verb: 'updates', enabled: false })
  t.match(await lab.client.state(), { hostname: 'a.example', updates: false, ssh: false, networkConfigured: false })
})

t.test('systemd is told when it serves, and that its loop still turns', { skip: withoutSystemd }, async t => {
  const unit = readFileSync(
    join(import.meta.dirname, '../packer/rootfs/etc/systemd/system/hoist-machine.service'),
    'utf8',
  )
  t.match(unit, /^Type=notify$/m)
  t.match(unit, /^NotifyAccess=all$/m)
  t.match(unit, /^WatchdogSec=2min$/m)
  const lab = machine(t, () => true)
  const manager = await notifySocket()
  t.teardown(() => manager.stop())
  const env = { NOTIFY_SOCKET: manager.path, WATCHDOG_USEC: '2000000' }
  const { root, run } = lab
  const helper = await runMachineHelper(
    { root, run, ask: async () => true, say: text => t.fail(text), onStuck: () => t.fail('stuck') },
    { env },
  )
  await manager.arrived('WATCHDOG=1')
  t.equal(manager.messages.indexOf('READY=1') < manager.messages.indexOf('WATCHDOG=1'), true)
  t.match(await lab.client.state(), { ssh: false })
  await helper.close()
})
