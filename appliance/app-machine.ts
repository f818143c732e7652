// The root helper, wired for the composition root: what the page changes of the machine, and the proxy that the machine is told.
import type { Logger } from 'pino'
import type { MachineService } from './api/machine.ts'
import type { MachineSettings } from './api/schemas/machine.ts'
import { ApplianceError, toApplianceError } from './errors.ts'
import { machineClient } from './machine/client.ts'
import { performMs } from './machine/dispatch.ts'
import type { MachineState } from './machine/machine-state.ts'
import { runsInTheWay } from './machine/runs-in-the-way.ts'
import { resetWords, type Verb } from './machine/verbs.ts'
import type { Store } from './store/store.ts'

export interface MachineParts {
  /** Of the helper. Empty: there is none. */
  socket: string
  store: {
    settings: Pick<Store['settings'], 'getProxy'>
    secrets: Pick<Store['secrets'], 'get'>
    runs: Pick<Store['runs'], 'active'>
    accounts: Pick<Store['accounts'], 'hasAdministrator'>
  }
  /** Network, name or time are others than before. */
  changed(): void
  log: Logger
  /** Longest that a page waits for what is only read, or written to a file, milliseconds. */
  quickMs?: number
  /** Longest that it waits for a change, milliseconds. */
  changeMs?: number
}

const defaultQuickMs = 10_000
/** What another has asked for may go first. */
const defaultChangeMs = performMs + 15_000

type Failure = Pick<ApplianceError, 'code' | 'message' | 'hint'>

export function composeMachine(parts: MachineParts) {
  const { socket, store, changed, log, quickMs = defaultQuickMs, changeMs = defaultChangeMs } = parts
  const client = socket === '' ? undefined : machineClient(socket)
  let known: MachineSettings | undefined
  let proxyFailure: Failure | undefined

  async function ask(verb: Verb, ms = changeMs): Promise<void> {
    if (!client) throw noHelper()
    await inTime(ms, signal => client.ask(verb, signal))
    log.info({ verb: verb.verb }, 'machine changed')
  }

  const runsUnderWay = async () => (await store.runs.active()).map(({ serverName }) => serverName)

  async function refuseWithRuns(): Promise<void> {
    const servers = await runsUnderWay()
    if (servers.length === 0) return
    throw new ApplianceError('RUNS_UNDER_WAY', runsInTheWay(servers), {
      hint: 'Wait until they have ended, or cancel them; or say that it is to be done although they are under way.',
    })
  }

  const service: MachineService = {
    async view() {
      if (!client) return { runsUnderWay: [], findings: [] }
      const state = await inTime(quickMs, signal => client.state(signal))
      known = settingsOf(state)
      return {
        settings: known,
        sshKey: state.sshKey,
        ...(state.sshKeys === undefined ? {} : { sshKeys: state.sshKeys }),
        runsUnderWay: await runsUnderWay(),
        findings: state.findings,
        ...(proxyFailure === undefined ? {} : { proxyFailure }),
      }
    },
    known: setting => known?.[setting],
    async change(setting, to) {
      // What takes effect is told apart by its name alone: the fields are those of the verb.
      await ask({ verb: setting, ...to } as Verb)
      if (known) known = { ...known, [setting]: to }
      changed()
    },
    async restart(what, force = false) {
      // The service alone is away for seconds: runs are held, and go on.
      if (client && what === 'machine' && !force) await refuseWithRuns()
      await ask({ verb: 'restart', what })
    },
    async reset(force = false) {
      if (client && !force) await refuseWithRuns()
      await ask({ verb: 'reset', confirm: resetWords })
    },
  }

  /** The machine's own programs reach the internet as the appliance does. Never rejects: what failed is in the view. */
  async function tellProxy(): Promise<void> {
    if (!client) return
    proxyFailure = await toldProxy().then(
      () => undefined,
      (thrown: unknown) => {
        log.warn({ err: thrown }, 'machine does not use the proxy')
        const { code, message, hint } = toApplianceError(thrown)
        return code === 'INTERNAL' ? internal : { code, message, hint }
      },
    )
  }

  async function toldProxy(): Promise<void> {
    const proxy = await store.settings.getProxy()
    const password = proxy && (await store.secrets.get('aws.proxyPassword'))
    // A password without a user name is none that a proxy asks for.
    const secret = password === undefined || proxy?.username === undefined ? {} : { password }
    await ask({ verb: 'proxy', ...proxy, ...secret }, quickMs)
  }

  return {
    service,
    tellProxy,
    /**
     * What failed before is tried again. Until there is an administrator a machine keeps the proxy of its first boot, which the
     * service may not have learned of; under the data of another machine it uses what was set there, or none.
     */
    async start(): Promise<void> {
      if ((await store.settings.getProxy()) || (await store.accounts.hasAdministrator())) await tellProxy()
    },
  }
}

function settingsOf({ network, hostname, timeServers, ssh, updates }: MachineState): MachineSettings {
  return {
    network,
    ...(hostname === undefined ? {} : { hostname: { name: hostname } }),
    time: { servers: timeServers },
    ssh: { enabled: ssh },
    updates: { enabled: updates },
  }
}

async function inTime<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(ms)
  try {
    return await work(signal)
  } catch (cause) {
    if (cause !== signal.reason) throw cause
    throw new ApplianceError(
      'MACHINE_UNAVAILABLE',
      `The helper that may change the machine has not answered within ${ms / 1000} seconds.`,
      {
        cause,
        hint: 'It may still do what was asked: look again in a minute. If it stays silent, restart the appliance on its console.',
      },
    )
  }
}

function noHelper(): ApplianceError {
  return new ApplianceError(
    'MACHINE_UNAVAILABLE',
    'This machine cannot be changed from here: it has no helper for that.',
    {
      hint: 'Only the appliance image has it. Change this machine by hand.',
    },
  )
}

const internal: Failure = {
  code: 'INTERNAL',
  message: 'The machine could not be told of the proxy.',
  hint: 'The log says why: download the log bundle.',
}
