// Upgrades as administrators see and ask for them: what is on offer, what is under way, how the last one ended, and what comes by itself.
import { setTimeout as delay } from 'node:timers/promises'
import type { WeeklyWindow } from '../domain.ts'
import { ApplianceError, type ErrorCode, toApplianceError } from '../errors.ts'
import type { AutoUpgradeSettings } from '../store/settings.ts'
import { type AutoUpgrade, decideAutoUpgrade } from './auto-upgrade.ts'
import { checkBundleUrl } from './fetch-bundle.ts'
import {
  type BundleOrigin,
  type BundleRefusal,
  type BundleSource,
  busy,
  type Offer,
  type OfferedBundle,
  type Receiving,
} from './offered-bundle.ts'
import type { UpgradeOutcome, UpgradeState } from './upgrade-state.ts'
import { compareVersions, versionPattern } from './version.ts'

export interface ListedRelease {
  key: string
  sizeBytes: number
  modifiedAt?: string
}

export interface UpgradeServiceOptions {
  running: string
  bundle: OfferedBundle
  machine: {
    /** Whether a helper is there that could install anything. */
    isThere(): boolean
    /** Resolves when the bundle is verified and unpacked: the rest stops this very process. */
    upgrade(file: string): Promise<void>
  }
  readState(): Promise<UpgradeState>
  runsUnderWay(): Promise<number>
  settings: { get(): Promise<AutoUpgradeSettings | undefined>; set(settings: AutoUpgradeSettings): Promise<void> }
  sources: {
    url(url: string, signal: AbortSignal): Promise<BundleSource>
    object(key: string, signal: AbortSignal): Promise<BundleSource>
    /** Below `releases/` in the connector's bucket. */
    list(signal: AbortSignal): Promise<ListedRelease[]>
  }
  nextOpening(windows: readonly WeeklyWindow[], instant: Date): Date | undefined
  /** IANA zone of the windows. */
  timeZone(): string
  changed(): void
  now(): Date
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
  /** Between two thoughts about what to do by itself, milliseconds. */
  tickMs?: number
  /** Between two looks whether an upgrade has ended, milliseconds. */
  lookMs?: number
}

export interface UpgradeView {
  running: string
  canUpgrade: boolean
  /** `handing`: the helper verifies and unpacks. */
  phase: UpgradeState['phase'] | 'handing'
  /** The release that is being installed. */
  to?: string
  last?: UpgradeOutcome
  receiving?: Receiving
  refused?: BundleRefusal
  offered?: Omit<Offer, 'file'>
  runsUnderWay: number
  auto: Omit<AutoUpgradeSettings, 'lastLookAt'> & {
    timeZone: string
    lastLookAt?: string
    next:
      | { do: 'nothing'; why: Extract<AutoUpgrade, { do: 'nothing' }>['why'] }
      | { do: 'upgrade'; to: string; at: string }
  }
}

/** Nights of all days: what comes by itself should not stop the service while people look at it. */
const defaults: AutoUpgradeSettings = {
  enabled: false,
  source: { kind: 'bucket' },
  windows: [{ days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '01:00', to: '05:00' }],
}
const dayMs = 24 * 3_600_000
/** A window of a quarter of an hour is met. */
const defaultTickMs = 5 * 60_000
const listMs = 30_000
const defaultLookMs = 1000
/** The helper stops the service at once when it has answered; after this long it has not. */
const handedMs = 120_000

type SettledState = Extract<UpgradeState, { phase: 'settled' }>

export class UpgradeService {
  readonly #options: UpgradeServiceOptions
  readonly #stopping = new AbortController()
  /** Ends the wait before the next thought. */
  #wake = new AbortController()
  #loop: Promise<void> = Promise.resolve()
  #handing: string | undefined
  #watching = false
  /** When a release was last handed to the helper by itself: one that it refuses is handed over once a day. */
  #handedAt: { version: string; at: number } | undefined

  constructor(options: UpgradeServiceOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#options.bundle.cancel()
    await this.#loop
  }

  async view(): Promise<UpgradeView> {
    const { running, bundle, machine, readState, runsUnderWay, timeZone } = this.#options
    const state = await readState()
    const { lastLookAt, ...auto } = await this.#settings()
    const { offer, receiving, refused } = bundle
    const settled = state.phase === 'settled'
    if (!settled) this.#watch()
    const to = settled ? this.#handing : state.to
    return {
      running,
      canUpgrade: machine.isThere(),
      phase: settled && this.#handing !== undefined ? 'handing' : state.phase,
      ...(to === undefined ? {} : { to }),
      ...(settled && state.last ? { last: state.last } : {}),
      ...(receiving ? { receiving } : {}),
      ...(refused ? { refused } : {}),
      ...(offer ? { offered: withoutFile(offer) } : {}),
      runsUnderWay: await runsUnderWay(),
      auto: {
        ...auto,
        ...(lastLookAt === undefined ? {} : { lastLookAt }),
        timeZone: timeZone(),
        next: await this.#next(state),
      },
    }
  }

  /** @throws {ApplianceError} RELEASE_*, MACHINE_UNAVAILABLE, UPGRADE_IN_PROGRESS */
  async upload(upload: Pick<BundleSource, 'content' | 'sizeBytes'>): Promise<UpgradeView> {
    await this.#assertIdle()
    // Whoever sends it is let go of by whoever took the request.
    await this.#options.bundle.receive({ from: 'upload', open: async () => ({ ...upload, close: () => undefined }) })
    return await this.view()
  }

  /** Begins to fetch a bundle; how that ends stands in the view. @throws {ApplianceError} */
  async fetch(wanted: { from: 'url'; url: string } | { from: 'bucket'; key: string }): Promise<UpgradeView> {
    await this.#assertIdle()
    if (this.#options.bundle.receiving) throw busy()
    if (wanted.from === 'url') checkBundleUrl(wanted.url)
    const { sources } = this.#options
    void this.#receive(wanted.from, false, signal =>
      wanted.from === 'url' ? sources.url(wanted.url, signal) : sources.object(wanted.key, signal),
    )
    return await this.view()
  }

  async cancel(): Promise<UpgradeView> {
    this.#options.bundle.cancel()
    return await this.view()
  }

  async discard(): Promise<UpgradeView> {
    await this.#assertIdle()
    await this.#options.bundle.discard()
    return await this.view()
  }

  /** What the bucket holds, newest first; `version` as far as the name says it. */
  async releases(): Promise<(ListedRelease & { version?: string })[]> {
    const listed = await this.#options.sources.list(AbortSignal.timeout(listMs))
    return listed
      .map(release => ({ ...release, ...versionIn(release.key) }))
      .sort((a, b) => compareVersions(b.version ?? '0.0.0', a.version ?? '0.0.0'))
  }

  /**
   * Hands the bundle on offer to the helper, and does not wait for it: that it refuses stands in the view.
   * @throws {ApplianceError} NOT_FOUND, MACHINE_UNAVAILABLE, UPGRADE_IN_PROGRESS, RELEASE_BUSY
   */
  async install(version: string): Promise<UpgradeView> {
    await this.#assertIdle()
    const { bundle, machine, log } = this.#options
    const { offer } = bundle
    if (offer?.version !== version)
      throw new ApplianceError('NOT_FOUND', `Release ${version} is not ready to be installed.`, {
        hint: 'Upload or fetch its bundle first.',
      })
    if (bundle.receiving) throw busy()
    this.#handing = version
    log.info({ version }, 'release handed to the helper')
    this.#options.changed()
    void machine.upgrade(offer.file).then(
      () => setTimeout(() => this.#handedBack(), handedMs).unref(),
      (thrown: unknown) => {
        const error = toApplianceError(thrown)
        log.warn({ err: error, version }, 'release refused by the helper')
        this.#handedBack()
        bundle.refuse('install', error)
      },
    )
    return await this.view()
  }

  async configure(given: Omit<AutoUpgradeSettings, 'lastLookAt'>): Promise<UpgradeView> {
    if (given.source.kind === 'url') checkBundleUrl(given.source.url)
    await this.#options.settings.set(given)
    this.#wake.abort()
    this.#options.changed()
    return await this.view()
  }

  /** Looks once a day for a newer release, and installs what is on offer when its time has come. */
  async think(): Promise<void> {
    const { machine, now, settings, readState, bundle } = this.#options
    const auto = await this.#settings()
    const state = await readState()
    if (!auto.enabled || !machine.isThere() || state.phase !== 'settled' || this.#handing !== undefined) return
    const lookedAt = auto.lastLookAt === undefined ? Number.NaN : Date.parse(auto.lastLookAt)
    // One of the future was written under a wrong clock, and says nothing.
    const isDue = !(lookedAt <= now().getTime() && now().getTime() - lookedAt < dayMs)
    if (isDue && !bundle.receiving) {
      await settings.set({ ...auto, lastLookAt: now().toISOString() })
      await this.#look(auto, state)
    }
    const next = await this.#decide(state)
    if (next.do !== 'upgrade' || bundle.receiving) return
    const handed = this.#handedAt
    if (handed?.version === next.to && now().getTime() - handed.at < dayMs) return
    this.#handedAt = { version: next.to, at: now().getTime() }
    await this.install(next.to)
  }

  async #look({ source }: AutoUpgradeSettings, state: SettledState): Promise<void> {
    const { sources } = this.#options
    if (source.kind === 'url') return void (await this.#receive('url', true, signal => sources.url(source.url, signal)))
    let keys: string[] | undefined
    const openNext = async (signal: AbortSignal) => {
      keys ??= await this.#newerInBucket(state)
      const key = keys.shift()
      if (key !== undefined) return await sources.object(key, signal)
      throw new ApplianceError('RELEASE_NOT_NEWER', 'The bucket has no newer release.', { hint: 'Nothing is to do.' })
    }
    // The newest may want an older one to be installed first.
    let failure: ErrorCode | undefined
    do failure = await this.#receive('bucket', true, openNext)
    while (failure === 'RELEASE_STEP_MISSING' && keys?.length && !this.#stopping.signal.aborted)
  }

  /** Newest first. As a step on the way, one that was not good here once is not tried again by itself. */
  async #newerInBucket({ last }: SettledState): Promise<string[]> {
    const failed = last?.result === 'upgraded' ? undefined : last?.to
    const newer = (await this.releases()).filter(
      ({ version }) => version !== undefined && compareVersions(version, this.#options.running) > 0,
    )
    return newer.filter(({ version }, place) => place === 0 || version !== failed).map(({ key }) => key)
  }

  /** @returns how it failed; why stands in the view */
  async #receive(
    from: BundleOrigin,
    look: boolean,
    open: (signal: AbortSignal) => Promise<BundleSource>,
  ): Promise<ErrorCode | undefined> {
    const { bundle, log } = this.#options
    try {
      const offer = await bundle.receive({ from, open, look })
      if (offer) log.info({ from, version: offer.version }, 'release bundle received')
      return undefined
    } catch (err) {
      log.warn({ err, from }, 'release bundle not received')
      return toApplianceError(err).code
    }
  }

  async #next(state: UpgradeState): Promise<UpgradeView['auto']['next']> {
    const decided = await this.#decide(state)
    if (decided.do === 'nothing') return decided
    const at = decided.do === 'wait' ? decided.until : this.#options.now()
    return { do: 'upgrade', to: decided.to, at: at.toISOString() }
  }

  async #decide(state: UpgradeState): Promise<AutoUpgrade> {
    const { running, bundle, now, nextOpening } = this.#options
    const { enabled, windows } = await this.#settings()
    return decideAutoUpgrade({
      ...{ enabled, running, now: now() },
      offered: bundle.offer?.version,
      last: state.phase === 'settled' ? state.last : undefined,
      nextOpening: instant => (windows.length === 0 ? instant : nextOpening(windows, instant)),
    })
  }

  async #settings(): Promise<AutoUpgradeSettings> {
    return (await this.#options.settings.get()) ?? defaults
  }

  /** Acts are the appliance's, and none of them while a release is being installed or on trial. */
  async #assertIdle(): Promise<void> {
    const { machine, readState } = this.#options
    if (!machine.isThere())
      throw new ApplianceError('MACHINE_UNAVAILABLE', 'There is no helper here that could install a release.', {
        hint: 'Upgrades are of the appliance image. There, restart the machine; elsewhere, install the new version by hand.',
      })
    if (this.#handing === undefined && (await readState()).phase === 'settled') return
    throw new ApplianceError('UPGRADE_IN_PROGRESS', 'An upgrade is under way.', {
      hint: 'Wait until it has ended: it takes a few minutes.',
    })
  }

  /** The helper ends an upgrade without a word to this process: whoever has seen one under way is told of its end. */
  #watch(): void {
    if (this.#watching) return
    this.#watching = true
    this.#untilSettled().then(this.#options.changed, (err: unknown) => {
      if (!this.#stopping.signal.aborted) this.#options.log.warn({ err }, 'end of an upgrade not known')
    })
  }

  async #untilSettled(): Promise<void> {
    const { readState, lookMs = defaultLookMs } = this.#options
    const wait = { signal: this.#stopping.signal, ref: false }
    try {
      while ((await readState()).phase !== 'settled') await delay(lookMs, undefined, wait)
    } finally {
      this.#watching = false
    }
  }

  #handedBack(): void {
    this.#handing = undefined
    this.#options.changed()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      // Before the thought: what is changed meanwhile is thought of next.
      this.#wake = new AbortController()
      await this.think().catch((err: unknown) => this.#options.log.warn({ err }, 'automatic upgrade failed'))
      const wait = { signal: AbortSignal.any([signal, this.#wake.signal]), ref: false }
      await delay(this.#options.tickMs ?? defaultTickMs, undefined, wait).catch(() => undefined) // Ends early when stopped or changed.
    }
  }
}

function withoutFile({ file: _, ...offer }: Offer): Omit<Offer, 'file'> {
  return offer
}

/** `releases/hoist-1.2.0.tar`. */
function versionIn(key: string): { version?: string } {
  const version = /^releases\/hoist-(.*)\.tar$/.exec(key)?.[1] ?? ''
  return new RegExp(versionPattern).test(version) ? { version } : {}
}
