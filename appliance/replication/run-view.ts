// Runs as they are shown: with the rates that are measured and never stored.
import type { Run, RunDisk } from '../domain.ts'
import { RateMeter, secondsLeft } from './progress.ts'

export interface RunDiskView extends RunDisk {
  /** Of the disk, over the last 10 s; absent unless it is being read. */
  bytesPerSecond?: number
  secondsLeft?: number
}

/** Without what only the run itself needs. */
export interface RunViewed extends Omit<Run, 'disks' | 'server' | 'settings'> {
  disks: RunDiskView[]
}

/** Follows runs in progress and adds rate and time left to what is shown of them. */
export class RunRates {
  readonly #meters = new Map<string, Map<number, RateMeter>>()

  /** Takes note of a run's bytes; forgets a run that no longer uploads. */
  observe(run: Run): void {
    if (run.state !== 'uploading') {
      this.#meters.delete(run.id)
      return
    }
    const meters = this.#meters.get(run.id) ?? new Map<number, RateMeter>()
    this.#meters.set(run.id, meters)
    for (const disk of run.disks) {
      const meter = meters.get(disk.key) ?? new RateMeter()
      meters.set(disk.key, meter)
      meter.add({ atMs: performance.now(), bytes: disk.readBytes })
    }
  }

  view({ server: _server, settings: _settings, ...run }: Run): RunViewed {
    const meters = this.#meters.get(run.id)
    if (!meters) return run
    const disks = run.disks.map((disk): RunDiskView => {
      const bytesPerSecond = meters.get(disk.key)?.bytesPerSecond(performance.now()) ?? 0
      const left = secondsLeft(disk.readBytes, disk.sizeBytes, bytesPerSecond)
      return {
        ...disk,
        bytesPerSecond: Math.round(bytesPerSecond),
        ...(left === undefined ? {} : { secondsLeft: left }),
      }
    })
    return { ...run, disks }
  }
}
