// Upgrades, wired for the composition root: the bundle on offer, where bundles come from, the helper that installs them.
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { EventHub } from './api/events.ts'
import { proxyEnvironment } from './aws/clients.ts'
import { listReleaseObjects, openReleaseObject } from './aws/release-objects.ts'
import type { Policy } from './domain.ts'
import { ApplianceError } from './errors.ts'
import { type Check, type Finding, notYet, success, warning } from './health/check.ts'
import { machineClient } from './machine/client.ts'
import { mayConnect } from './notify/address-guard.ts'
import { nextOpening } from './schedule/weekly-window.ts'
import type { Connections } from './setup/connections.ts'
import { ensureConnector } from './setup/registration.ts'
import { freeBytes } from './store/sqlite-errors.ts'
import type { Store } from './store/store.ts'
import { fetchBundle } from './upgrade/fetch-bundle.ts'
import { OfferedBundle } from './upgrade/offered-bundle.ts'
import { loadReleaseKeys } from './upgrade/release-keys.ts'
import { UpgradeService } from './upgrade/upgrade-service.ts'
import { readUpgradeState, type UpgradeOutcome, type UpgradeState } from './upgrade/upgrade-state.ts'

export interface UpgradeParts {
  /** Without a socket there is no helper, and nothing can be installed. */
  config: { dataDir: string; machineSocket: string; upgradeState: string; releaseKeys: string }
  version: string
  store: Store
  connections: Connections
  policy: () => Policy
  hub: EventHub
  /** Tells people that a release was not kept. */
  told(outcome: UpgradeOutcome & { result: 'refused' | 'rolled-back' }): Promise<void>
  now: () => Date
  log: Logger
  /** For tests. PEM in the place of the public authorities. */
  caPem?: string
}

export function composeUpgrade(parts: UpgradeParts) {
  const { config, version, store, connections, policy, hub, told, now, log, caPem } = parts
  const { dataDir, machineSocket, upgradeState, releaseKeys } = config
  const machine = machineClient(machineSocket)
  const readState = async (): Promise<UpgradeState> =>
    upgradeState === '' ? { phase: 'settled' } : await readUpgradeState(upgradeState)
  let telling = false

  const changed = () => {
    // Several changes of one moment are told once.
    if (telling) return
    telling = true
    setImmediate(() => {
      telling = false
      service.view().then(
        view => hub.publish({ kind: 'upgrade', subject: 'upgrade', data: view }),
        (err: unknown) => log.warn({ err }, 'state of upgrades not known'),
      )
    })
  }
  const bundle = new OfferedBundle({
    directory: join(dataDir, 'uploads'),
    running: version,
    keys: () => loadReleaseKeys(releaseKeys),
    freeBytes,
    changed,
    now,
  })
  const inBucket = async (signal: AbortSignal) => {
    const { bucket, awsAccountId: accountId } = await ensureConnector(store.settings)
    if (bucket && accountId) return { clients: await connections.aws(), bucket, accountId, signal }
    throw new ApplianceError('NOT_CONFIGURED', 'The connector has no bucket yet.', { hint: 'Register it first.' })
  }
  const service = new UpgradeService({
    running: version,
    bundle,
    machine: {
      // The image has one, though it may start anew at this moment.
      isThere: () => machineSocket !== '',
      upgrade: async file => void (await machine.ask({ verb: 'upgrade', file })),
    },
    readState,
    runsUnderWay: async () => (await store.runs.active()).length,
    settings: {
      get: () => store.settings.getAutoUpgrade(),
      set: settings => store.settings.setAutoUpgrade(settings),
    },
    sources: {
      url: async (url, signal) =>
        await fetchBundle(url, {
          signal,
          proxy: await proxyFor(store),
          mayConnect: address => mayConnect(address, 'any'),
          ...(caPem === undefined ? {} : { caPem }),
        }),
      async object(key, signal) {
        const { content, sizeBytes } = await openReleaseObject({ ...(await inBucket(signal)), key })
        return { content, sizeBytes, close: () => content.destroy() }
      },
      list: async signal => await listReleaseObjects(await inBucket(signal)),
    },
    nextOpening: (windows, instant) => nextOpening(windows, instant, policy().timeZone),
    timeZone: () => policy().timeZone,
    changed,
    now,
    log,
  })
  return {
    service,
    check: {
      ...{ id: 'appliance.upgrade', group: 'appliance', title: 'Upgrades' },
      run: async () => upgradeFinding(await service.view()),
    } satisfies Check,
    /** Of this release nothing is on trial any more. */
    async start(): Promise<void> {
      await bundle.find()
      service.start()
      const state = await readState()
      const last = state.phase === 'settled' ? state.last : undefined
      if (last?.result === 'refused' || last?.result === 'rolled-back') await told({ ...last, result: last.result })
    },
    stop: () => service.stop(),
  }
}

/** The one that is set for AWS: the appliance has one way out. */
async function proxyFor({ settings, secrets }: Store): Promise<Record<string, string> | undefined> {
  const proxy = await settings.getProxy()
  return proxy && proxyEnvironment(proxy.url, proxy.username, await secrets.get('aws.proxyPassword'))
}

export function upgradeFinding({
  canUpgrade,
  running,
  last,
  refused,
  auto,
}: Awaited<ReturnType<UpgradeService['view']>>): Finding {
  if (!canUpgrade) return notYet('Upgrades are of the appliance image: here is no helper that could install them.')
  if (last !== undefined && last.result !== 'upgraded' && last.from === running)
    return warning(
      `Release ${last.to} was not kept (${last.at}). ${last.reason ?? ''}`.trim(),
      'Remove the cause and install it by hand, or install a newer one: this one is not tried again by itself.',
    )
  if (auto.enabled && refused)
    return warning(`${refused.message} (${refused.at})`, `${refused.hint} Look at Settings, Upgrades.`)
  return success(`Release ${running} runs.`)
}
