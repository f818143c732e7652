// What Prometheus reads at /metrics: counters that follow the runs, gauges that are read when they are asked for.
import { Registry } from 'prom-client'
import type { Run } from '../domain.ts'
import { watchEventLoopDelay } from './event-loop-delay.ts'
import { type GaugeReaders, registerGauges } from './gauges.ts'
import { registerProcess } from './process.ts'
import { registerRunCounters } from './run-counters.ts'

export interface MetricsOptions {
  version: string
  readers: GaugeReaders
  now: () => Date
  /** Told of a reader that failed: its gauges are left out, the others are shown. */
  onError: (error: unknown) => void
}

export interface Metrics {
  /** Of the text below. */
  contentType: string
  /** All metrics in Prometheus' text format. */
  text(): Promise<string>
  /** To be called at every change of a run, bytes included: cheap, and synchronous. */
  observe(run: Run): void
  /** To be called once for each run that has ended, missed ones included. */
  ended(run: Run): void
  close(): void
}

/**
 * The appliance's metrics, in a registry of their own. Labels are bounded: states, stages, codes and causes of closed lists,
 * slots of hosts and datastores, and two series per job at most.
 */
export function createMetrics({ version, readers, now, onError }: MetricsOptions): Metrics {
  const registry = new Registry()
  const counters = registerRunCounters(registry)
  const gauges = registerGauges(registry, { version, readers, now, onError })
  registerProcess(registry)
  const eventLoopDelay = watchEventLoopDelay()
  return {
    contentType: registry.contentType,
    async text() {
      await gauges.refresh()
      return `${await registry.metrics()}\n${eventLoopDelay.text()}`
    },
    observe(run) {
      counters.observe(run)
      gauges.observe(run)
    },
    ended(run) {
      counters.ended(run)
      gauges.ended(run)
    },
    close() {
      eventLoopDelay.close()
      registry.clear()
    },
  }
}
