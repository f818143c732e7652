// The process itself, under the names that every Prometheus dashboard knows.
import { Counter, Gauge, type Registry } from 'prom-client'

/** Seconds since the epoch at which this process began. */
const startedAtSeconds = Math.round(Date.now() / 1000 - process.uptime())

/** prom-client's own set comes with some fifty series of Node's inner life; these are the ones that are watched. */
export function registerProcess(registry: Registry): void {
  const registers = [registry]
  new Gauge({
    name: 'process_start_time_seconds',
    help: 'When the process began.',
    registers,
    collect() {
      this.set(startedAtSeconds)
    },
  })
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory that the process holds.',
    registers,
    collect() {
      this.set(process.memoryUsage.rss())
    },
  })
  new Gauge({
    name: 'nodejs_memory_bytes',
    help: 'Memory by kind: used by the heap, by objects outside of it, and by buffers (which are among those outside).',
    labelNames: ['kind'],
    registers,
    collect() {
      const { heapUsed, external, arrayBuffers } = process.memoryUsage()
      this.set({ kind: 'heap' }, heapUsed)
      this.set({ kind: 'external' }, external)
      this.set({ kind: 'buffers' }, arrayBuffers)
    },
  })
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'Processor time that the process has used, by all of its threads.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      this.reset()
      this.inc((user + system) / 1e6)
    },
  })
}
