// The outbox's postman: every notification to every channel that wants it, at least once, without anyone waiting for it.
import type { Logger } from 'pino'
import type { Notification, NotificationChannel, NotificationEvent } from '../domain.ts'
import { toApplianceError } from '../errors.ts'
import type { Deliver } from './deliver.ts'

/** One notification that has still to reach one channel. */
export interface PendingDelivery {
  notification: Notification
  channel: NotificationChannel
  /** Failed ones so far. */
  attempts: number
}

/** What of the store the dispatcher needs: see store/notifications.ts. */
export interface Outbox {
  /** Keeps it with a delivery for each enabled channel that wants the event; false when its id is known already. */
  add(notification: Notification): Promise<boolean>
  /** Deliveries of enabled channels whose time has come, oldest first; of one event only where it is named. */
  pending(now: Date, limit?: number, event?: NotificationEvent): Promise<PendingDelivery[]>
  delivered(notificationId: string, channelId: string): Promise<unknown>
  /** Without `nextTryAt` it is given up. */
  failed(notificationId: string, channelId: string, failure: { nextTryAt?: string; error: string }): Promise<unknown>
  prune(before: Date): Promise<unknown>
}

export interface DispatcherOptions {
  outbox: Outbox
  deliver: Deliver
  now(): Date
  log: Logger
  /** How often the outbox is looked at. */
  lookEveryMs?: number
  /** How long one delivery may take, whatever it waits for. */
  deliveryTimeoutMs?: number
}

const minuteMs = 60_000
const longestWaitMs = 60 * minuteMs
/** After that a notification is no news any more; the history shows that it was not delivered. */
const givenUpAfterMs = 24 * 60 * minuteMs
/** How long the history is kept; longer than any occasion lasts, as a forgotten id would be told again. */
const keptMs = 90 * 24 * 60 * minuteMs
/** A receiver that failed so often in a row is away: what else waits for it is put off, not tried one by one. */
const failuresInARow = 3
/** Deliveries taken from the outbox at a time. */
const batch = 500
/** What the store cannot take just now (its disk may be full: an occasion itself) is held in memory, up to so many. */
const heldMax = 1000

/**
 * When to try again after so many failures: 1, 2, 4 … 60 minutes, a tenth earlier or later; undefined to give up.
 * @param random 0 to 1
 */
export function nextTry(at: string, attempts: number, now: Date, random = Math.random()): Date | undefined {
  if (now.getTime() - Date.parse(at) >= givenUpAfterMs) return undefined
  const waitMs = Math.min(longestWaitMs, minuteMs * 2 ** Math.min(attempts - 1, 10))
  return new Date(now.getTime() + waitMs * (0.9 + 0.2 * random))
}

/** Delivers what is in the outbox, each channel by itself: one that is slow or away holds no other. */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #stopping = new AbortController()
  /** Channels that are being delivered to. */
  readonly #busy = new Map<string, Promise<void>>()
  /** Those of them for which there may be more in the outbox. */
  readonly #more = new Set<string>()
  readonly #held = new Map<string, Notification>()
  /** Delivered, but the store does not know yet: they must not be sent again for that. */
  readonly #unrecorded = new Map<string, PendingDelivery>()
  #timer: NodeJS.Timeout | undefined
  /** The one event that is told of; undefined for all. */
  #only: NotificationEvent | undefined
  #looking: Promise<void> | undefined
  #lookAgain = false
  #latest = 0
  #prunedAt = 0

  constructor(options: DispatcherOptions) {
    this.#options = options
  }

  /**
   * Goes on with what the last process left in the outbox.
   * @param only tells of this event, until it is started for all: the rest may be another machine's to tell
   */
  start(only?: NotificationEvent): void {
    if (this.#timer === undefined || only === undefined) this.#only = only
    this.#timer ??= setInterval(() => this.#look(), this.#options.lookEveryMs ?? 15_000)
    this.#look()
  }

  /** Ends what is under way; it stays in the outbox. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopping.abort(new Error('the appliance stops'))
    await this.#looking
    await Promise.all(this.#busy.values())
  }

  /** Takes a notification in: durable when this returns, if the store is well. Never throws, and never waits for a receiver. */
  async post(notification: Notification): Promise<void> {
    if (!(await this.#store(notification)) && this.#held.size < heldMax) this.#held.set(notification.id, notification)
    if (this.#timer !== undefined) this.#look()
  }

  async #store(notification: Notification): Promise<boolean> {
    const { outbox, log } = this.#options
    const { id, event } = notification
    try {
      if (await outbox.add(notification)) log.info({ notification: id, event }, 'notification')
      return true
    } catch (err) {
      log.error({ err, notification: id, event }, 'a notification could not be stored')
      return false
    }
  }

  #look(): void {
    if (this.#stopping.signal.aborted) return
    if (this.#looking !== undefined) {
      this.#lookAgain = true
      return
    }
    this.#looking = this.#lookOnce()
      .catch((err: unknown) => this.#options.log.error({ err }, 'the outbox cannot be read'))
      .finally(() => {
        this.#looking = undefined
        if (!this.#lookAgain) return
        this.#lookAgain = false
        this.#look()
      })
  }

  async #lookOnce(): Promise<void> {
    const { outbox, now } = this.#options
    for (const [id, notification] of this.#held) if (await this.#store(notification)) this.#held.delete(id)
    for (const delivery of this.#unrecorded.values()) await this.#record(delivery)
    const time = now().getTime()
    if (time - this.#prunedAt > givenUpAfterMs) {
      this.#prunedAt = time
      await outbox.prune(new Date(time - keptMs))
    }
    // A clock that was set back: what waits for a time by the old one is due by the longest wait.
    const horizon = time < this.#latest - minuteMs ? this.#latest + 2 * longestWaitMs : time
    // As of before the question: what it finds of a channel that is just done may have been delivered meanwhile.
    const busy = new Set(this.#busy.keys())
    const pending = await outbox.pending(new Date(horizon), batch, this.#only)
    this.#latest = time
    for (const [channelId, deliveries] of Map.groupBy(pending, ({ channel }) => channel.id)) {
      if (this.#stopping.signal.aborted) return
      if (busy.has(channelId)) {
        this.#more.add(channelId)
        continue
      }
      if (pending.length === batch) this.#more.add(channelId)
      const work = this.#work(deliveries).finally(() => {
        this.#busy.delete(channelId)
        if (this.#more.delete(channelId)) this.#look()
      })
      this.#busy.set(channelId, work)
    }
  }

  async #work(deliveries: PendingDelivery[]): Promise<void> {
    try {
      await this.#deliverAll(deliveries)
    } catch (err) {
      this.#options.log.error({ err }, 'the outbox cannot be written')
    }
  }

  async #deliverAll(deliveries: PendingDelivery[]): Promise<void> {
    let failures = 0
    for (const [index, delivery] of deliveries.entries()) {
      if (this.#unrecorded.has(keyOf(delivery))) continue
      const error = await this.#deliver(delivery)
      if (this.#stopping.signal.aborted && error !== undefined) return
      if (error === undefined) {
        failures = 0
        await this.#record(delivery)
        continue
      }
      await this.#postpone(delivery, error)
      if (++failures < failuresInARow) continue
      for (const other of deliveries.slice(index + 1)) await this.#postpone(other, error)
      return
    }
  }

  /** What it failed with, in words; undefined when the receiver has it. */
  async #deliver({ notification, channel }: PendingDelivery): Promise<Failed | undefined> {
    const { deliver, log, deliveryTimeoutMs = 2 * minuteMs } = this.#options
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(deliveryTimeoutMs)])
    const fields = { channel: channel.id, kind: channel.target.kind, notification: notification.id }
    try {
      await deliver(channel, notification, signal)
      log.info(fields, 'notification delivered')
      return undefined
    } catch (err) {
      const late = signal.aborted && !this.#stopping.signal.aborted
      const { code, message, hint } = toApplianceError(err)
      if (!this.#stopping.signal.aborted) log.warn({ ...fields, err }, 'notification not delivered')
      return {
        text: late ? `${channel.name} took longer than ${deliveryTimeoutMs / 1000} s` : `${message} ${hint}`,
        final: code === 'MAIL_PARTLY_REFUSED',
      }
    }
  }

  async #record(delivery: PendingDelivery): Promise<void> {
    const key = keyOf(delivery)
    try {
      await this.#options.outbox.delivered(delivery.notification.id, delivery.channel.id)
      this.#unrecorded.delete(key)
    } catch (err) {
      // A channel that was deleted meanwhile has no deliveries any more.
      if (toApplianceError(err).code === 'NOT_FOUND') this.#unrecorded.delete(key)
      else {
        this.#unrecorded.set(key, delivery)
        this.#options.log.error({ err, notification: delivery.notification.id }, 'a delivery could not be recorded')
      }
    }
  }

  async #postpone({ notification, channel, attempts }: PendingDelivery, error: Failed): Promise<void> {
    const { outbox, now } = this.#options
    const next = error.final ? undefined : nextTry(notification.at, attempts + 1, now())
    const nextTryAt = next === undefined ? {} : { nextTryAt: next.toISOString() }
    try {
      await outbox.failed(notification.id, channel.id, { ...nextTryAt, error: error.text })
    } catch (err) {
      if (toApplianceError(err).code !== 'NOT_FOUND') throw err
    }
  }
}

interface Failed {
  text: string
  /** Another try would not help. */
  final: boolean
}

function keyOf({ notification, channel }: PendingDelivery): string {
  return `${notification.id} ${channel.id}`
}
