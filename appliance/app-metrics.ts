// Where the metrics' gauges come from, wired for the composition root.
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GaugeReaders } from './metrics/gauges.ts'
import type { Slots } from './replication/slots.ts'
import type { ConnectorLease } from './setup/connector-lease.ts'
import { ensureConnector } from './setup/registration.ts'
import { databaseName, listBackups } from './store/backup.ts'
import type { Store } from './store/store.ts'

export function metricReaders(parts: {
  dataDir: string
  store: Store
  slots: Slots
  lease: ConnectorLease
}): GaugeReaders {
  const { dataDir, store, slots, lease } = parts
  return {
    activeRuns: () => store.runs.active(),
    jobs: () => store.jobs.outlines(),
    lastSuccessAt: async jobId => (await store.runs.lastSuccess(jobId))?.endedAt,
    slots: () => slots.snapshot(),
    connector: async () => ({
      id: (await ensureConnector(store.settings)).id,
      readOnly: lease.standing.state === 'readOnly',
    }),
    lastBackupAt: async () => (await listBackups(dataDir))[0]?.takenAt,
    async storeBytes() {
      const sizes = ['', '-wal'].map(async suffix => (await stat(join(dataDir, `${databaseName}${suffix}`))).size)
      // Without writes there is no log.
      return (await Promise.allSettled(sizes)).reduce(
        (sum, size) => sum + (size.status === 'fulfilled' ? size.value : 0),
        0,
      )
    },
  }
}
