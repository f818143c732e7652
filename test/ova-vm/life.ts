// One appliance from its deployment to its factory reset: set up in a browser, at work, cut off, moved, upgraded, erased.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Backup } from '../../appliance/api/schemas/backups.ts'
import type { MachineView } from '../../appliance/api/schemas/machine.ts'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { ServerView } from '../../appliance/api/schemas/servers.ts'
import type { SystemView } from '../../appliance/api/schemas/system.ts'
import type { UpgradeView } from '../../appliance/api/schemas/upgrade.ts'
import { resetWords } from '../../appliance/machine/verbs.ts'
import { migrations } from '../../appliance/store/migrate.ts'
import { ApiError } from '../demo/appliance-process.ts'
import { findLeftovers, proveRun } from '../demo/verify.ts'
import { launchBrowser } from '../journeys/launch.ts'
import { run } from '../lab/tools.ts'
import { eraseEverything, readCertificate, receiveBundle, resetPassword, setTimeServers } from './at-console.ts'
import { overlay, type Unpacked } from './disks.ts'
import { bootMs, type ConsoleAnswer, firstAnswer, shownBy } from './first-answer.ts'
import {
  clockGates,
  firewallHolds,
  notInJournal,
  type Root,
  secretPattern,
  unitsAreWell,
  updatesSwitch,
  watchdogsBite,
} from './inside.ts'
import { gateway, type LabOutside, startLabOutside } from './lab-outside.ts'
import { expectCodeRefused, fingerprintAt, greetingAt, silenceMs } from './outside.ts'
import { propertiesIso } from './ovf-environment.ts'
import { preparedSystem } from './prepared-system.ts'
import { type ReleaseMaker, releaseMaker } from './releases.ts'
import { type Credentials, Remote } from './remote.ts'
import { forgetHostKey, inGuest, makeSshKey, type SshKey } from './ssh.ts'
import { Vm } from './vm.ts'
import { administrator, completeWizard } from './wizard.ts'

const shutDownMs = 120_000
const consoleMs = 120_000
const runMs = 600_000
/** Two minutes on trial, two starts of the service, and the unpacking. */
const upgradeMs = 600_000
const MiB = 1024 * 1024
const grownBytes = 4096 * MiB
/** Slow enough to be cut in the middle. */
const slowBytesPerSecond = 4 * MiB

/** What vCenter hands over when the admin has filled in no more than these. */
const given = (key: SshKey, proxyPort: number) => ({
  ...{ hostname: '', ipv4_mode: 'dhcp', ipv4_address: '', ipv4_gateway: '', ipv6_mode: 'auto', ipv6_address: '' },
  ...{ ipv6_gateway: '', dns: '', ntp: '', proxy: `http://${gateway}:${proxyPort}`, ssh_key: key.publicKey },
  setup_code: setupCode,
})
const setupCode = 'only-once-and-never-again-2048'
/** Which no property gives. */
const timeServer = '10.0.2.77'
const newHostname = 'renamed'

interface Ground {
  outside: LabOutside
  /** With a release key and an authority more than the OVA's. */
  system: string
  key: SshKey
  iso: string
  releases: ReleaseMaker
  disks: { system: string; data: string }
}

/** The steps are methods, to be called in their order: each goes on where the one before has ended. */
export class Life implements AsyncDisposable {
  readonly #unpacked: Unpacked
  readonly #open = new AsyncDisposableStack()
  #ground: Ground | undefined
  #vm: Vm | undefined
  #facts: ConsoleAnswer | undefined
  #credentials: Credentials = administrator

  constructor(unpacked: Unpacked) {
    this.#unpacked = unpacked
  }

  /** The lab, and what the machine is started with. */
  async begin(): Promise<string> {
    const directory = join(this.#unpacked.directory, 'life')
    await mkdir(directory)
    const key = await makeSshKey(directory)
    const releases = await releaseMaker(join(directory, 'releases'))
    const outside = await startLabOutside({
      vms: [
        { name: 'web01', disks: [{ sizeBytes: 64 * MiB, seed: 1, kind: 'data' }] },
        { name: 'db01', disks: [{ sizeBytes: 256 * MiB, seed: 2, kind: 'noise' }] },
      ],
    })
    this.#open.use(outside)
    const { iso } = await propertiesIso(directory, given(key, outside.proxy.port))
    const system = await preparedSystem(this.#unpacked, {
      releaseKey: releases.publicKey,
      authority: outside.authority,
    })
    const disks = {
      system: await overlay(system, join(directory, 'system-1.qcow2'), 'raw'),
      data: await overlay(this.#unpacked.disks.data, join(directory, 'data.qcow2')),
    }
    this.#ground = { outside, system, key, iso, releases, disks }
    return 'vCenter with two servers, AWS by TLS, a proxy on the way to it'
  }

  /** From the setup code of the deployment to the dashboard; after that the code is dead. */
  async wizard(): Promise<string> {
    const { outside } = this.#begun
    const { vm, facts } = await this.#boot()
    const browser = await launchBrowser()
    const startedAtMs = performance.now()
    try {
      const page = await browser.open({ viewport: { width: 1280, height: 800 }, theme: 'light' })
      const address = `https://127.0.0.1:${vm.ports[443]}`
      await completeWizard(page, { address, setupCode, outside }).catch(async error => {
        const picture = join(this.#unpacked.directory, '..', '..', 'wizard.png')
        await page.screenshot({ path: picture })
        throw new Error(`${error instanceof Error ? error.message : error}; at ${page.url()}, pictured in ${picture}`)
      })
      if (browser.problems.length > 0) throw new Error(`in the page: ${browser.problems.join('; ')}`)
    } finally {
      await browser.close()
    }
    const seconds = (performance.now() - startedAtMs) / 1000
    await expectCodeRefused(vm.ports[443], facts.fingerprint, setupCode)
    const { tunnels } = outside.proxy
    if (tunnels.length === 0) throw new Error('nothing went through the proxy of the deployment')
    return `from the setup code to the dashboard in ${seconds.toFixed(0)} s; the code is dead; AWS was asked through the proxy, ${tunnels.length} tunnels`
  }

  /** On the screen: time servers, certificate, another password; on the serial line: the log bundle. */
  async console(): Promise<string> {
    const vm = this.#machine
    await setTimeServers(vm, timeServer)
    const shown = await readCertificate(vm)
    if (!shown.includes(this.#known.fingerprint.slice(0, 23))) throw new Error(`another certificate is shown: ${shown}`)
    const password = `${administrator.password}, renewed`
    await resetPassword(vm, password)
    const old = await this.#signsIn(administrator)
    if (old) throw new Error('the old password is still taken')
    this.#credentials = { ...administrator, password }
    const remote = await this.#signIn()
    const { settings } = await remote.call<MachineView>('GET', '/api/machine')
    if (settings?.time.servers.join() !== timeServer) throw new Error(`the time servers are ${settings?.time.servers}`)
    const bundle = await receiveBundle(vm)
    const entries = await this.#readBundle(bundle)
    return `time servers and password were changed on the screen; the serial line gave a bundle of ${bundle.length} bytes, ${entries}`
  }

  /** SSH opens when it is switched on, for the key of the deployment; what only root sees is as it should be. */
  async inside(): Promise<string> {
    const vm = this.#machine
    const remote = await this.#signIn()
    const root = await this.#rootShell()
    const well = await unitsAreWell(root)
    const walled = await firewallHolds(root, vm)
    await updatesSwitch(root, enabled => remote.call('PUT', '/api/machine/updates', { enabled }))
    const servers = (await root('timedatectl show-timesync --property=SystemNTPServers --value')).trim()
    if (servers !== timeServer) throw new Error(`the machine asks ${servers} for the time`)
    await notInJournal(root, setupCode)
    await this.#readBundle(await remote.download('/api/support/bundle'))
    const bitten = await watchdogsBite(root, vm)
    await vm.until('the service', bootMs, () => fingerprintAt(vm.ports[443]))
    await clockGates(root, vm, async () => {
      const signedIn = await this.#signIn()
      return await signedIn.call('GET', '/api/aws/identity').then(
        () => undefined,
        error => (error instanceof ApiError ? error.body.code : String(error)),
      )
    })
    return `${well}; ${walled}; no setup code in journal and log bundle; ${bitten}; a clock a day ahead keeps it from AWS`
  }

  /** A server of the lab's vCenter becomes an image in the lab's AWS; others than the appliance say that it is the same. */
  async replication(): Promise<string> {
    const remote = await this.#signIn()
    const begun = await this.#replicate(remote, 'web01')
    return await this.#proven(await this.#ended(begun.id))
  }

  /** The power goes away in the middle of a transfer; the machine comes back, and so does the run. */
  async powerCut(): Promise<string> {
    const { lab } = this.#begun.outside
    const remote = await this.#signIn()
    await lab.vcenterControl('POST', '/shape', { bytesPerSecond: slowBytesPerSecond })
    const begun = await this.#replicate(remote, 'db01')
    const before = await this.#machine.until('a run in its middle', runMs, async () => {
      const seen = await remote.call<RunView>('GET', `/api/runs/${begun.id}`)
      if (seen.endedAt !== undefined) throw new Error(`the run has ended as ${seen.state}: ${seen.failure?.message}`)
      return (seen.disks[0]?.uploadedBytes ?? 0) > 48 * MiB ? seen : undefined
    })
    await this.#machine.cut()
    await lab.vcenterControl('POST', '/shape', { bytesPerSecond: 0 })
    await this.#boot()
    const proof = await this.#proven(await this.#ended(begun.id))
    const left = await findLeftovers(lab)
    if (left.length > 0) throw new Error(`left over: ${left.join(', ')}`)
    const uploaded = Math.round((before.disks[0]?.uploadedBytes ?? 0) / MiB)
    return `cut after ${uploaded} MiB; the same run went on after the restart: ${proof}; nothing is left over`
  }

  /** Another system disk, as a new OVA would bring it, with the data disk of before, which has grown. */
  async dataDiskKept(): Promise<string> {
    const { fingerprint } = this.#known
    const { disks, system, key } = this.#begun
    await this.#machine.shutDown(shutDownMs)
    await run('qemu-img', ['resize', '-q', '-f', 'qcow2', disks.data, `+${grownBytes}`])
    disks.system = await overlay(system, join(key.directory, 'system-2.qcow2'), 'raw')
    const { facts } = await this.#boot()
    if (facts.fingerprint !== fingerprint) throw new Error('the certificate is another one')
    const remote = await this.#signIn()
    const { items } = await remote.call<{ items: RunView[] }>('GET', '/api/runs')
    const names = items.filter(({ state }) => state === 'succeeded').map(({ serverName }) => serverName)
    if (names.sort().join() !== 'db01,web01') throw new Error(`the runs are ${names}`)
    // The secrets open, too: vCenter is asked with its password.
    await this.#imported(remote)
    const root = await this.#rootShell()
    const [fileSystem, disk] = [
      Number(await root('df -B1 --output=size /var/lib/hoist | tail -n 1')),
      await virtualBytes(disks.data),
    ]
    // The file system's own tables and journal take some of it.
    if (!(fileSystem > disk * 0.97)) throw new Error(`the file system has ${fileSystem} of the disk's ${disk} bytes`)
    return `accounts, runs, certificate and secrets are there; the data disk of now ${disk / MiB} MiB is in use to its end`
  }

  /** Signed by a key that the appliance trusts, with a step of the schema; what is damaged, older or another's is refused. */
  async upgrade(): Promise<string> {
    const { releases } = this.#begun
    const remote = await this.#signIn()
    const bundle = await releases.whole('0.1.1')
    const refused = Object.entries(await releases.refused(bundle))
    for (const [code, path] of refused) {
      const answer = await remote.upload('/api/upgrade/bundle', path).then(
        () => 'taken',
        error => (error instanceof ApiError ? (error.body.code ?? error.message) : String(error)),
      )
      if (answer !== code) throw new Error(`${code} was expected of ${path}: ${answer}`)
    }
    const { seconds } = await this.#install(bundle, '0.1.1', 'upgraded', '0.1.1')
    const schema = await this.#schema()
    if (schema !== migrations.length + 1) throw new Error(`0.1.1 runs with schema ${schema}`)
    await this.#allOf('0.1.1')
    return `0.1.0 became 0.1.1 in ${seconds} s, schema ${schema}; refused: ${refused.map(([code]) => code).join(', ')}`
  }

  /** A release whose service is never ready is taken back by the machine itself, and its schema with it. */
  async brokenUpgrade(): Promise<string> {
    const bundle = await this.#begun.releases.broken('0.1.2')
    const runs = async () => (await (await this.#signIn()).call<{ items: RunView[] }>('GET', '/api/runs')).items
    const before = await runs()
    const { seconds, view } = await this.#install(bundle, '0.1.2', 'rolled-back', '0.1.1')
    if (!isDeepStrictEqual(await runs(), before)) throw new Error('the runs are others than before')
    const schema = await this.#schema()
    if (schema !== migrations.length + 1) throw new Error(`0.1.1 runs with schema ${schema}`)
    return `0.1.1 answers again after ${seconds} s, with its schema: ${view.last?.reason}`
  }

  /** Typed out on the screen: an appliance as it was deployed, but for the setup code, which was good for once. */
  async factoryReset(): Promise<string> {
    const vm = this.#machine
    const { fingerprint } = this.#known
    const formerRoot = await this.#rootShell()
    await formerRoot('true')
    const formerHostKey = await forgetHostKey(this.#begun.key, vm.ports[22])
    const last = await this.#signIn()
    await last.call('PUT', '/api/machine/hostname', { name: newHostname })
    await last.call('PUT', '/api/machine/time', { servers: [timeServer] })
    await last.call('PUT', '/api/machine/updates', { enabled: false })
    const { settings: before } = await last.call<MachineView>('GET', '/api/machine')
    if (before?.hostname?.name !== newHostname || before.time.servers.join() !== timeServer || before.updates.enabled)
      throw new Error(`the machine does not keep what it is told: ${JSON.stringify(before)}`)
    // At once, and not from the next start of the service: its sandbox has no name of its own.
    const { hostname: shown } = await last.call<SystemView>('GET', '/api/system')
    if (shown !== newHostname) throw new Error(`the machine is called ${newHostname}, and the page shows ${shown}`)
    await eraseEverything(vm, resetWords)
    const renewed = await vm.until('another certificate', bootMs, async () => {
      const presented = await fingerprintAt(vm.ports[443])
      return presented === undefined || presented === fingerprint ? undefined : presented
    })
    const code = await vm.until('a setup code', bootMs, async () => {
      const facts = await shownBy(vm)
      return facts?.fingerprint === renewed ? facts.setupCode : undefined
    })
    this.#facts = { ...this.#known, fingerprint: renewed }
    if (await this.#signsIn(this.#credentials)) throw new Error('the old account signs in')
    await expectCodeRefused(vm.ports[443], renewed, setupCode)
    const greeting = await greetingAt(vm.ports[22], silenceMs)
    if (greeting !== '') throw new Error(`SSH is still on: ${greeting}`)
    const remote = await Remote.claim(vm.ports[443], renewed, code, administrator)
    this.#credentials = administrator
    const { settings } = await remote.call<MachineView>('GET', '/api/machine')
    const { proxy } = await remote.call<SystemView>('GET', '/api/system')
    const { hostname, time, updates } = settings ?? {}
    if (hostname !== undefined || time?.servers.length !== 0 || updates?.enabled !== true || proxy === undefined)
      throw new Error(`it is not as it was deployed: ${JSON.stringify({ hostname, time, updates, proxy })}`)
    const root = await this.#rootShell()
    for (const secret of [setupCode, code]) await notInJournal(root, secret)
    if ((await forgetHostKey(this.#begun.key, vm.ports[22])) === formerHostKey)
      throw new Error("SSH's host key is the one of before")
    await vm.shutDown(shutDownMs)
    return 'other certificate and host key, and a setup code of its own, which opens it; account, names and time servers of before are gone'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.#vm?.cut()
    } finally {
      await this.#open.disposeAsync()
    }
  }

  get #begun(): Ground {
    if (this.#ground === undefined) throw new Error('nothing has begun: call begin first')
    return this.#ground
  }

  get #machine(): Vm {
    if (!this.#vm?.runs) throw new Error('the machine does not run: a step before has failed')
    return this.#vm
  }

  get #known(): ConsoleAnswer {
    if (this.#facts === undefined) throw new Error('the machine has never answered')
    return this.#facts
  }

  async #boot(): Promise<{ vm: Vm; facts: ConsoleAnswer }> {
    const { disks, iso } = this.#begun
    const vm = await Vm.start({
      disks: [disks.system, disks.data],
      firmware: 'bios',
      devices: 'vmware',
      iso,
    })
    this.#vm = vm
    const facts = await firstAnswer(vm)
    this.#facts = facts
    return { vm, facts }
  }

  async #signIn(): Promise<Remote> {
    return await Remote.signIn(this.#machine.ports[443], this.#known.fingerprint, this.#credentials)
  }

  async #signsIn(credentials: Credentials): Promise<boolean> {
    return await Remote.signIn(this.#machine.ports[443], this.#known.fingerprint, credentials).then(
      () => true,
      error => {
        if (error instanceof ApiError && error.statusCode === 401) return false
        throw error
      },
    )
  }

  /** SSH is switched on first. */
  async #rootShell(): Promise<Root> {
    const remote = await this.#signIn()
    const vm = this.#machine
    // Until an upgrade has cleared up after itself, and the helper is the new release's, nothing may be changed.
    await vm.until('a machine that may be changed', consoleMs, () =>
      remote.call('PUT', '/api/machine/ssh', { enabled: true }).then(
        () => true,
        error => {
          const code = error instanceof ApiError ? error.body.code : undefined
          if (code === 'UPGRADE_IN_PROGRESS' || code === 'MACHINE_UNAVAILABLE') return undefined
          throw error
        },
      ),
    )
    await vm.until('SSH', consoleMs, async () =>
      (await greetingAt(vm.ports[22], silenceMs)).startsWith('SSH-2.0') ? true : undefined,
    )
    return command => inGuest(this.#begun.key, vm.ports[22], command)
  }

  /** Helper and console too: the release before goes with the next upgrade. */
  async #allOf(version: string): Promise<void> {
    const root = await this.#rootShell()
    for (const unit of ['hoist', 'hoist-machine', 'hoist-console@tty1'])
      await this.#machine.until(`${unit} of ${version}`, consoleMs, async () => {
        const program = await root(`readlink /proc/$(systemctl show --value --property=MainPID ${unit})/exe || true`)
        return program.trim() === `/opt/hoist/releases/${version}/bin/node` ? true : undefined
      })
  }

  /** Of a backup, as the service lets nobody else into its database. Source: SQLite's file format, "user version" at offset 60. */
  async #schema(): Promise<number> {
    const root = await this.#rootShell()
    const { name } = await (await this.#signIn()).call<Backup>('POST', '/api/backups')
    return Number(await root(`od -A n -j 60 -N 4 -t u4 --endian=big /var/lib/hoist/backups/${name}`))
  }

  /** Which tar reads, and the setup code is nowhere in it. Says how many files it has. */
  async #readBundle(bytes: Buffer): Promise<string> {
    const file = join(this.#begun.key.directory, 'log-bundle.tar.gz')
    await writeFile(file, bytes)
    if (new RegExp(secretPattern(setupCode)).test(await run('tar', ['-xzOf', file])))
      throw new Error('the setup code stands in the log bundle')
    return `${(await run('tar', ['-tzf', file])).trim().split('\n').length} files`
  }

  async #imported(remote: Remote): Promise<ServerView[]> {
    await remote.call('POST', '/api/catalog/import')
    await this.#machine.until('the catalog', runMs, async () => {
      const { state, failure } = await remote.call<{ state: string; failure?: { message: string } }>(
        'GET',
        '/api/catalog',
      )
      if (state === 'failed') throw new Error(`the import has failed: ${failure?.message}`)
      return state === 'ready' ? true : undefined
    })
    return (await remote.call<{ items: ServerView[] }>('GET', '/api/servers')).items
  }

  /** A job that runs once, now; resolves with its run. */
  async #replicate(remote: Remote, name: string): Promise<RunView> {
    const servers = await this.#imported(remote)
    const server = servers.find(candidate => candidate.name === name)
    if (server === undefined) throw new Error(`the catalog has no ${name}`)
    const { created, refused } = await remote.call<{ created: { id: string }[]; refused: { message: string }[] }>(
      'POST',
      '/api/jobs',
      { serverIds: [server.id], settings: {} },
    )
    const job = created[0]
    if (job === undefined) throw new Error(`the job was refused: ${refused[0]?.message}`)
    return await this.#machine.until('a run', runMs, async () => {
      const { items } = await remote.call<{ items: RunView[] }>('GET', `/api/runs?jobId=${job.id}`)
      return items[0]
    })
  }

  async #ended(runId: string): Promise<RunView> {
    const remote = await this.#signIn()
    return await this.#machine.until('the end of the run', runMs, async () => {
      const seen = await remote.call<RunView>('GET', `/api/runs/${runId}`)
      return seen.endedAt === undefined ? undefined : seen
    })
  }

  async #proven(ended: RunView): Promise<string> {
    const proof = await proveRun(this.#begun.outside.lab, ended, 'registered')
    if (ended.state !== 'succeeded')
      throw new Error(`the run of ${ended.serverName} has ended as ${ended.state}: ${ended.failure?.message}`)
    const different = proof.disks.filter(({ equal }) => !equal)
    if (proof.disks.length === 0 || different.length > 0) throw new Error(`not equal: ${JSON.stringify(proof)}`)
    const bytes = proof.disks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    return `${ended.serverName}, ${bytes / MiB} MiB, became ${ended.imageId}, equal to the last byte`
  }

  async #install(bundle: string, version: string, result: string, runsThen: string) {
    const remote = await this.#signIn()
    await remote.upload('/api/upgrade/bundle', bundle)
    const startedAtMs = performance.now()
    await remote.call('POST', '/api/upgrade/install', { version })
    const view = await this.#machine.until(`the end of the upgrade to ${version}`, upgradeMs, async () => {
      // While the service starts anew nobody answers.
      const seen = await remote.call<UpgradeView>('GET', '/api/upgrade').catch(() => undefined)
      return seen?.phase === 'settled' && seen.last?.to === version ? seen : undefined
    })
    if (view.last?.result !== result || view.running !== runsThen)
      throw new Error(`${view.running} runs, and the upgrade ended as ${view.last?.result}: ${view.last?.reason}`)
    return { seconds: Math.round((performance.now() - startedAtMs) / 1000), view }
  }
}

async function virtualBytes(disk: string): Promise<number> {
  const info = JSON.parse(await run('qemu-img', ['info', '--force-share', '--output', 'json', disk]))
  return info['virtual-size']
}
