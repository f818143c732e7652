// Waiting for the moment at which a fault strikes.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Moment } from './plan.ts'
import type { Random } from './random.ts'
import type { Site } from './site.ts'
import type { Watcher } from './watcher.ts'

const lookMs = 15
/** Beyond this the moment does not come any more. */
const patienceMs = 25_000
const stageOrder = ['scheduled', 'uploading', 'converting', 'creatingImage']

export interface Reached {
  /** What the moment was, or that it was missed. */
  how: string
  /** Lets a request go on that is held; to be called after the fault struck. */
  release(): Promise<void>
}

const nothing = async () => undefined

/**
 * Waits for a moment. If it does not come because the runs were faster, another run is started and struck somewhere.
 */
export async function reach(site: Site, watcher: Watcher, moment: Moment, random: Random): Promise<Reached> {
  if (moment.on === 'start') {
    await sleep(moment.delayMs)
    return { how: `${moment.delayMs} ms after the start`, release: nothing }
  }
  const startedAtMs = performance.now()
  const given = () => performance.now() - startedAtMs > patienceMs || (watcher.looks > 3 && watcher.idle)
  const trap = moment.on === 'request' ? await setTrap(site, moment) : undefined
  try {
    while (!given()) {
      if (trap ? await trap.sprung() : moment.on !== 'request' && hasCome(watcher, moment)) {
        if ('delayMs' in moment) await sleep(moment.delayMs)
        return { how: describe(moment), release: trap?.release ?? nothing }
      }
      await sleep(lookMs)
    }
  } catch (error) {
    await trap?.release()
    throw error
  }
  await trap?.release()
  const job = random.pick(watcher.jobs)
  if (job === undefined) throw new Error('There is no job')
  const wait = random.integer(100, 1500)
  if (watcher.idle) await watcher.order(job.id)
  await sleep(wait)
  return { how: `missed (${describe(moment)}), so ${wait} ms into another run`, release: nothing }
}

function hasCome(watcher: Watcher, moment: Exclude<Moment, { on: 'request' | 'start' }>): boolean {
  if (moment.on === 'read') return watcher.readFraction >= moment.fraction && watcher.active.length > 0
  const wanted = stageOrder.indexOf(moment.stage)
  return watcher.active.some(run => stageOrder.indexOf(run.state) >= wanted)
}

interface Trap {
  sprung(): Promise<boolean>
  release(): Promise<void>
}

function setTrap(site: Site, moment: Extract<Moment, { on: 'request' }>): Promise<Trap> {
  return moment.side === 'vcenter' ? vcenterTrap(site, moment) : awsTrap(site, moment)
}

async function vcenterTrap({ lab }: Site, moment: Extract<Moment, { on: 'request' }>): Promise<Trap> {
  const { operation, skip, how } = moment
  let since = (await lab.vcenterControl<{ number: number }[]>('GET', '/requests')).at(-1)?.number ?? 0
  let count = 0
  let hold: number | undefined
  const place = async () => {
    hold ??= (await lab.vcenterControl<{ id: number }>('POST', '/faults', { kind: 'hold', method: operation })).id
  }
  if (how === 'held' && skip === 0) await place()
  return {
    async sprung() {
      const entries = await lab.vcenterControl<{ number: number; method: string }[]>('GET', `/requests?since=${since}`)
      since = entries.at(-1)?.number ?? since
      count += entries.filter(entry => entry.method === operation).length
      if (how === 'held' && count >= skip) await place()
      return count > skip
    },
    async release() {
      if (hold !== undefined) await lab.vcenterControl('DELETE', `/faults/${hold}`)
    },
  }
}

async function awsTrap({ lab }: Site, moment: Extract<Moment, { on: 'request' }>): Promise<Trap> {
  const { operation, skip, how } = moment
  interface Entry {
    id: number
    operation: string
  }
  let since = (await lab.awsControl<Entry[]>('GET', '/requests')).at(-1)?.id ?? 0
  let count = 0
  const kind = { held: 'hold', lost: 'loseAnswer', seen: undefined }[how]
  const fault =
    kind === undefined ? undefined : await lab.awsControl<{ id: number }>('POST', '/faults', { kind, operation, skip })
  return {
    async sprung() {
      // Held: it has come. Lost: it has also been answered, which is when it is logged.
      const taken = async () => {
        const faults = await lab.awsControl<{ id: number; times: number }[]>('GET', '/faults')
        return faults.some(one => one.id === fault?.id && one.times === 0)
      }
      if (how === 'held') return await taken()
      const entries = await lab.awsControl<Entry[]>('GET', `/requests?since=${since}`)
      since = entries.at(-1)?.id ?? since
      count += entries.filter(entry => entry.operation === operation).length
      return count > skip && (how === 'seen' || (await taken()))
    },
    async release() {
      if (fault) await lab.awsControl('DELETE', `/faults/${fault.id}`)
    },
  }
}

function describe(moment: Moment): string {
  switch (moment.on) {
    case 'start':
      return `${moment.delayMs} ms after the start`
    case 'read':
      return `${(moment.fraction * 100).toFixed(0)} % read`
    case 'stage':
      return `${moment.delayMs} ms into ${moment.stage}`
    case 'request':
      return `${moment.operation} number ${moment.skip + 1} ${moment.how}, ${moment.delayMs} ms later`
  }
}
