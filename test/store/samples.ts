// Sample servers, jobs and runs for tests of what is stored, and a seeded source of chance.
import type { Job, Run, RunDisk, Server } from '../../appliance/domain.ts'

/** mulberry32: small, and the same numbers on every machine. */
export function seeded(seed: number): (below: number) => number {
  let state = seed >>> 0
  return below => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

export function sampleServer(number: number, changes: Partial<Server> = {}): Server {
  const name = `server-${String(number).padStart(5, '0')}`
  return {
    id: `5000${String(number).padStart(8, '0')}-instance`,
    moref: `vm-${number}`,
    name,
    path: `/DC0/vm/folder-${number % 7}/${name}`,
    guestId: 'debian12_64Guest',
    guestName: 'Debian GNU/Linux 12 (64-bit)',
    firmware: 'efi',
    secureBoot: false,
    vTpm: false,
    hardwareVersion: 19,
    cpus: 2,
    memoryMiB: 4096,
    powerState: 'poweredOn',
    toolsStatus: 'toolsOk',
    hostMoref: 'host-1',
    hostName: 'esx-1.example',
    isTemplate: false,
    faultTolerant: false,
    encrypted: false,
    changeTrackingSupported: true,
    changeTrackingEnabled: false,
    isoPaths: [],
    disks: [
      {
        key: 2000,
        label: 'Hard disk 1',
        sizeBytes: 8 * 2 ** 30,
        fileName: `[vmfs] ${name}/${name}.vmdk`,
        datastore: 'vmfs',
        thin: true,
        mode: 'persistent',
        sharing: 'none',
        kind: 'file',
        encrypted: false,
      },
    ],
    nics: [
      {
        key: 4000,
        label: 'Network adapter 1',
        mac: '00:50:56:00:00:01',
        network: 'VM Network',
        connected: true,
        addresses: [`10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`],
      },
    ],
    snapshots: [],
    ...changes,
  }
}

export function sampleJob(number: number, changes: Partial<Job> = {}): Job {
  return {
    id: `job-${number}`,
    serverId: `server-${number}`,
    serverName: `web ${number}`,
    schedule: { startAt: '2026-03-01T02:00:00Z', everyHours: 6 },
    settings: { licence: 'auto', imageMethod: 'registered', encrypted: false, retention: 7, tags: {} },
    state: 'active',
    createdAt: new Date(Date.UTC(2026, 1, 1) + number * 1000).toISOString(),
    nextRunAt: '2026-03-01T02:00:00Z',
    failuresInARow: 0,
    ...changes,
  }
}

export function sampleDisk(key: number, changes: Partial<RunDisk> = {}): RunDisk {
  return {
    key,
    label: `Hard disk ${key - 1999}`,
    sizeBytes: 2 ** 33,
    readBytes: 0,
    uploadedBytes: 0,
    objectDeleted: false,
    ...changes,
  }
}

export function sampleRun(number: number, changes: Partial<Run> = {}): Run {
  return {
    id: `run-${String(number).padStart(5, '0')}`,
    jobId: 'job-1',
    serverId: 'server-1',
    serverName: 'web 1',
    state: 'scheduled',
    trigger: 'schedule',
    createdAt: new Date(Date.UTC(2026, 2, 1) + number * 1000).toISOString(),
    disks: [sampleDisk(2000), sampleDisk(2001)],
    steps: [],
    resumptions: 0,
    retries: {},
    imageSnapshotIds: [],
    warnings: [],
    ...changes,
  }
}
