// One appliance from its deployment to its factory reset: set up in a browser, at work, cut off, moved, upgraded, erased.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { ServerView } from '../../appliance/api/schemas/servers.ts'
import type { UpgradeView } from '../../appliance/api/schemas/upgrade.ts'
import { resetWords } from '../../appliance/machine/verbs.ts'
import { ApiError } from '../demo/appliance-process.ts'
import { findLeftovers, proveRun } from '../demo/verify.ts'
import { launchBrowser } from '../journeys/launch.ts'
import { run } from '../lab/tools.ts'
import { consoleFacts } from './console-text.ts'
import { overlay, type Unpacked } from './disks.ts'
import { bootMs, type FirstAnswer, firstAnswer } from './first-answer.ts'
import { type LabOutside, startLabOutside } from './lab-outside.ts'
import { fingerprintAt, greetingAt, postHttps } from './outside.ts'
import { propertiesIso } from './ovf-environment.ts'
import { preparedSystem } from './prepared-system.ts'
import { type ReleaseMaker, releaseMaker } from './releases.ts'
import { Remote } from './remote.ts'
import { inGuest, makeSshKey, type SshKey } from './ssh.ts'
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

/** What vCenter hands over when the admin has filled in nothing but the key. */
const defaults = {
  ...{ hostname: '', ipv4_mode: 'dhcp', ipv4_address: '', ipv4_gateway: '', ipv6_mode: 'auto', ipv6_address: '' },
  ...{ ipv6_gateway: '', dns: '', ntp: '', proxy: '', setup_code: '' },
}

/** The steps are methods, to be called in their order: each goes on where the one before has ended. */
export class Life implements AsyncDisposable {
  readonly #unpacked: Unpacked
  readonly #outside: LabOutside
  readonly #system: string
  readonly #key: SshKey
  readonly #iso: string
  readonly #releases: ReleaseMaker
  #disks: { system: string; data: string }
  #vm: Vm | undefined
  #facts: FirstAnswer | undefined
  #setupCode = ''

  private constructor(parts: {
    unpacked: Unpacked
    outside: LabOutside
    system: string
    key: SshKey
    iso: string
    releases: ReleaseMaker
    disks: { system: string; data: string }
  }) {
    this.#unpacked = parts.unpacked
    this.#outside = parts.outside
    this.#system = parts.system
    this.#key = parts.key
    this.#iso = parts.iso
    this.#releases = parts.releases
    this.#disks = parts.disks
  }

  static async begin(unpacked: Unpacked): Promise<Life> {
    const directory = join(unpacked.directory, 'life')
    await mkdir(directory)
    const key = await makeSshKey(directory)
    const { iso } = await propertiesIso(directory, { ...defaults, ssh_key: key.publicKey })
    const releases = await releaseMaker(join(directory, 'releases'))
    const outside = await startLabOutside({
      vms: [
        { name: 'web01', disks: [{ sizeBytes: 64 * MiB, seed: 1, kind: 'data' }] },
        { name: 'db01', disks: [{ sizeBytes: 256 * MiB, seed: 2, kind: 'noise' }] },
      ],
    })
    try {
      const system = await preparedSystem(unpacked, { releaseKey: releases.publicKey, authority: outside.authority })
      const disks = {
        system: await overlay(system, join(directory, 'system-1.qcow2'), 'raw'),
        data: await overlay(unpacked.disks.data, join(directory, 'data.qcow2')),
      }
      return new Life({ unpacked, outside, system, key, iso, releases, disks })
    } catch (error) {
      await outside[Symbol.asyncDispose]()
      throw error
    }
  }

  /** From the console's setup code to the dashboard; after that the code is dead and nowhere. */
  async wizard(): Promise<string> {
    const { vm, facts } = await this.#boot()
    const code = await vm.until('the setup code', consoleMs, () => consoleFacts(vm.serial)?.setupCode)
    this.#setupCode = code
    const browser = await launchBrowser()
    const startedAtMs = performance.now()
    try {
      const page = await browser.open({ viewport: { width: 1280, height: 800 }, theme: 'light' })
      const address = `https://127.0.0.1:${vm.ports[443]}`
      await completeWizard(page, { address, setupCode: code, outside: this.#outside }).catch(async error => {
        const picture = join(this.#unpacked.directory, '..', '..', 'wizard.png')
        await page.screenshot({ path: picture })
        throw new Error(`${error instanceof Error ? error.message : error}; at ${page.url()}, pictured in ${picture}`)
      })
      if (browser.problems.length > 0) throw new Error(`in the page: ${browser.problems.join('; ')}`)
    } finally {
      await browser.close()
    }
    const seconds = (performance.now() - startedAtMs) / 1000
    const again = await postHttps(vm.ports[443], '/api/setup/code', facts.fingerprint, { code })
    if (again.status < 400) throw new Error(`the setup code is still taken: ${again.status}`)
    await vm.until('a console without the setup code', consoleMs, () =>
      consoleFacts(vm.serial)?.setupCode === undefined ? true : undefined,
    )
    return `from the setup code to the dashboard in ${seconds.toFixed(0)} s; the code is dead and gone from the console`
  }

  /** SSH opens when it is switched on, for the key of the deployment; what only root sees is as it should be. */
  async inside(): Promise<string> {
    const said = await this.#root(
      [
        'systemctl --failed --no-legend',
        'echo ---',
        'systemd-analyze security --no-pager hoist.service | tail -n 1',
        'echo ---',
        `journalctl --no-pager -o cat | grep -cE '${codePattern(this.#setupCode)}' || true`,
        'echo ---',
        "ss -Hltn | awk '{print $4}' | sort",
        'echo ---',
        'nft list ruleset',
      ].join('; '),
    )
    const [failed = '', security = '', codes = '', listening = '', rules = ''] = said.split('---\n')
    if (failed.trim() !== '') throw new Error(`units have failed: ${failed}`)
    const exposure = Number(/level for hoist\.service: ([0-9.]+)/.exec(security)?.[1])
    if (!(exposure <= 2)) throw new Error(`systemd-analyze security: ${security}`)
    if (codes.trim() !== '0') throw new Error('the setup code stands in the journal')
    if (!/hook input priority [^;]+; policy drop/.test(rules)) throw new Error(`the firewall drops nothing: ${rules}`)
    const open = listening
      .trim()
      .split('\n')
      .filter(address => !/^(127\.|\[::1\]|\[::ffff:127)/.test(address))
    const strange = open.filter(address => !/:(443|80|22)$/.test(address.trim()) && !/%lo:53$/.test(address.trim()))
    if (strange.length > 0) throw new Error(`it listens on ${strange}`)
    const remote = await this.#signIn()
    const file = join(this.#key.directory, 'log-bundle.tar.gz')
    await writeFile(file, await remote.download('/api/support/bundle'))
    if (new RegExp(codePattern(this.#setupCode)).test(await run('tar', ['-xzOf', file])))
      throw new Error('the setup code stands in the log bundle')
    const killed = await this.#killed()
    return `no unit has failed; systemd-analyze security: ${exposure}; no setup code in journal and log bundle; ${killed}`
  }

  /** A server of the lab's vCenter becomes an image in the lab's AWS; others than the appliance say that it is the same. */
  async replication(): Promise<string> {
    const remote = await this.#signIn()
    const begun = await this.#replicate(remote, 'web01')
    return await this.#proven(await this.#ended(begun.id))
  }

  /** The power goes away in the middle of a transfer; the machine comes back, and so does the run. */
  async powerCut(): Promise<string> {
    const { lab } = this.#outside
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
    await this.#machine.shutDown(shutDownMs)
    const { directory } = this.#key
    await run('qemu-img', ['resize', '-q', '-f', 'qcow2', this.#disks.data, `+${grownBytes}`])
    this.#disks.system = await overlay(this.#system, join(directory, 'system-2.qcow2'), 'raw')
    const { facts } = await this.#boot()
    if (facts.fingerprint !== fingerprint) throw new Error('the certificate is another one')
    const remote = await this.#signIn()
    const { items } = await remote.call<{ items: RunView[] }>('GET', '/api/runs')
    const names = items.filter(({ state }) => state === 'succeeded').map(({ serverName }) => serverName)
    if (names.sort().join() !== 'db01,web01') throw new Error(`the runs are ${names}`)
    // The secrets open, too: vCenter is asked with its password.
    await this.#imported(remote)
    const said = await this.#root('df -B1 --output=size /var/lib/hoist | tail -n 1')
    const [fileSystem, disk] = [Number(said), await virtualBytes(this.#disks.data)]
    // The file system's own tables and journal take some of it.
    if (!(fileSystem > disk * 0.97)) throw new Error(`the file system has ${fileSystem} of the disk's ${disk} bytes`)
    return `accounts, runs, certificate and secrets are there; the data disk of now ${disk / MiB} MiB is in use to its end`
  }

  /** Signed by a key that the appliance trusts; what is damaged, older or another's is refused. */
  async upgrade(): Promise<string> {
    const remote = await this.#signIn()
    const bundle = await this.#releases.whole('0.1.1')
    const refused = Object.entries(await this.#releases.refused(bundle))
    for (const [code, path] of refused) {
      const answer = await remote.upload('/api/upgrade/bundle', path).then(
        () => 'taken',
        error => (error instanceof ApiError ? (error.body.code ?? error.message) : String(error)),
      )
      if (answer !== code) throw new Error(`${code} was expected of ${path}: ${answer}`)
    }
    const { seconds } = await this.#install(bundle, '0.1.1', 'upgraded', '0.1.1')
    return `0.1.0 became 0.1.1 in ${seconds} s; refused: ${refused.map(([code]) => code).join(', ')}`
  }

  /** A release whose service ends at once is taken back by the machine itself. */
  async brokenUpgrade(): Promise<string> {
    const bundle = await this.#releases.broken('0.1.2')
    const runs = async () => (await (await this.#signIn()).call<{ items: RunView[] }>('GET', '/api/runs')).items
    const before = await runs()
    const { seconds, view } = await this.#install(bundle, '0.1.2', 'rolled-back', '0.1.1')
    if (!isDeepStrictEqual(await runs(), before)) throw new Error('the runs are others than before')
    return `0.1.1 answers again after ${seconds} s: ${view.last?.reason}`
  }

  /** Typed out, with the password: an appliance as new, with another certificate and a setup code. */
  async factoryReset(): Promise<string> {
    const vm = this.#machine
    const { fingerprint } = this.#known
    const before = vm.serial.length
    const remote = await this.#signIn()
    await remote.call('POST', '/api/machine/reset', { confirm: resetWords, password: administrator.password })
    const renewed = await vm.until('another certificate', bootMs, async () => {
      const presented = await fingerprintAt(vm.ports[443])
      return presented === undefined || presented === fingerprint ? undefined : presented
    })
    const code = await vm.until('a setup code', bootMs, () => {
      const facts = consoleFacts(vm.serial.slice(Math.min(before, vm.serial.length)))
      return facts?.fingerprint === renewed ? facts.setupCode : undefined
    })
    if (code === this.#setupCode) throw new Error('the setup code is the old one')
    const old = await Remote.signIn(vm.ports[443], renewed, administrator).then(
      () => 'taken',
      () => 'refused',
    )
    if (old !== 'refused') throw new Error('the old account signs in')
    const open = await postHttps(vm.ports[443], '/api/setup/code', renewed, { code })
    if (open.status !== 200) throw new Error(`the new setup code is answered with ${open.status} ${open.text}`)
    await vm.shutDown(shutDownMs)
    return 'another certificate and setup code; the old account is unknown'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vm?.cut()
    await this.#outside[Symbol.asyncDispose]()
  }

  get #machine(): Vm {
    if (!this.#vm?.runs) throw new Error('the machine does not run: a step before has failed')
    return this.#vm
  }

  get #known(): FirstAnswer {
    if (this.#facts === undefined) throw new Error('the machine has never answered')
    return this.#facts
  }

  async #boot(): Promise<{ vm: Vm; facts: FirstAnswer }> {
    const vm = await Vm.start({
      disks: [this.#disks.system, this.#disks.data],
      firmware: 'bios',
      devices: 'vmware',
      iso: this.#iso,
    })
    this.#vm = vm
    const facts = await firstAnswer(vm)
    this.#facts = facts
    return { vm, facts }
  }

  async #signIn(): Promise<Remote> {
    return await Remote.signIn(this.#machine.ports[443], this.#known.fingerprint, administrator)
  }

  /** What root's shell prints; SSH is switched on first. */
  async #root(command: string): Promise<string> {
    const remote = await this.#signIn()
    await remote.call('PUT', '/api/machine/ssh', { enabled: true })
    const vm = this.#machine
    await vm.until('SSH', consoleMs, async () =>
      (await greetingAt(vm.ports[22], 5_000)).startsWith('SSH-2.0') ? true : undefined,
    )
    return await inGuest(this.#key, vm.ports[22], command)
  }

  /** Kills the service, and waits until it answers again; says how long that took. */
  async #killed(): Promise<string> {
    const restarts = async () => Number(await this.#root('systemctl show --property=NRestarts --value hoist.service'))
    const before = await restarts()
    const startedAtMs = performance.now()
    await this.#root('systemctl kill --signal=KILL hoist.service')
    await this.#machine.until('the killed service', consoleMs, () => fingerprintAt(this.#machine.ports[443]))
    const seconds = Math.round((performance.now() - startedAtMs) / 1000)
    // Not exactly one: an emulated Node may fall over by itself as it starts, see README.md.
    const more = (await restarts()) - before
    if (!(more >= 1)) throw new Error(`the killed service was started again ${more} times`)
    return `the killed service is back after ${seconds} s${more > 1 ? `, at the start number ${more}` : ''}`
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
    const proof = await proveRun(this.#outside.lab, ended, 'registered')
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
  const info = JSON.parse(await run('qemu-img', ['info', '--output', 'json', disk]))
  return info['virtual-size']
}

/** The code with any separators, as a log might write it. */
const codePattern = (code: string) => code.split('-').join('[- ]*')
