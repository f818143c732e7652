// Readers of a small appliance, for tests of what they become.
import type { RunStep } from '../../appliance/domain.ts'
import type { GaugeReaders } from '../../appliance/metrics/gauges.ts'

export const sampleNow = new Date('2030-05-01T12:00:00.000Z')

export function vmSnapshot(phase: RunStep['phase'], at: string): RunStep {
  return { kind: 'vmSnapshot', phase, at }
}

export function sampleReaders(changes: Partial<GaugeReaders> = {}): GaugeReaders {
  return {
    activeRuns: async () => [
      { id: 'run-11', state: 'scheduled', steps: [] },
      { id: 'run-12', state: 'uploading', steps: [vmSnapshot('effected', '2030-05-01T11:00:00.000Z')] },
      { id: 'run-13', state: 'uploading', steps: [vmSnapshot('effected', '2030-05-01T11:30:00.000Z')] },
      { id: 'run-14', state: 'converting', steps: [vmSnapshot('proven', '2030-05-01T01:00:00.000Z')] },
    ],
    async *jobs() {
      yield [
        { id: 'job-1', serverName: 'web 1', state: 'active' },
        { id: 'job-2', serverName: 'the "old" \\ one', state: 'paused' },
      ]
    },
    lastSuccessAt: async id => (id === 'job-2' ? '2030-04-30T00:00:00.500Z' : undefined),
    slots: () => [
      { name: 'servers', cap: 50, limit: 25, taken: 3, waiting: 1 },
      { name: 'host:host-1', cap: 8, limit: 8, taken: 2, waiting: 0 },
    ],
    connector: async () => ({ id: 'c-1', readOnly: false }),
    lastBackupAt: async () => '2030-05-01T02:00:00.000Z',
    storeBytes: async () => 4096,
    ...changes,
  }
}
