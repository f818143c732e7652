// Servers, jobs and runs as the API shows them, for tests of the page.
import type { JobView, RunView, ServerView } from '../../webui/contract.ts'

export function server(name: string, changes: Partial<ServerView> = {}): ServerView {
  return {
    id: `id-${name}`,
    moref: `vm-${name}`,
    name,
    path: `/dc/vm/${name}`,
    guestId: 'debian12_64Guest',
    guestName: 'Debian 12',
    firmware: 'bios',
    secureBoot: false,
    vTpm: false,
    hardwareVersion: 19,
    cpus: 1,
    memoryMiB: 2048,
    powerState: 'poweredOn',
    toolsStatus: 'guestToolsRunning',
    hostMoref: 'host-1',
    hostName: 'esx1.lab',
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
        sizeBytes: 16 * 2 ** 30,
        fileName: `[ds] ${name}/${name}.vmdk`,
        datastore: 'ds',
        thin: true,
        mode: 'persistent',
        sharing: 'none',
        kind: 'file',
        encrypted: false,
      },
    ],
    nics: [],
    snapshots: [],
    findings: [],
    ...changes,
  }
}

export function job(id: string, changes: Partial<JobView> = {}): JobView {
  return {
    id,
    serverId: 'id-web01',
    serverName: 'web01',
    schedule: { startAt: '2026-01-01T00:00:00.000Z' },
    settings: { licence: 'auto', imageMethod: 'registered', encrypted: true, retention: 7, tags: {} },
    state: 'active',
    createdAt: '2026-01-01T00:00:00.000Z',
    failuresInARow: 0,
    ...changes,
  }
}

export function run(id: string, changes: Partial<RunView> = {}): RunView {
  return {
    id,
    jobId: 'job-1',
    serverId: 'id-web01',
    serverName: 'web01',
    state: 'uploading',
    trigger: 'manual',
    createdAt: '2026-01-01T00:00:00.000Z',
    startedAt: '2026-01-01T00:00:01.000Z',
    disks: [disk(2000, 100, 40)],
    steps: [],
    resumptions: 0,
    retries: {},
    imageSnapshotIds: [],
    warnings: [],
    ...changes,
  }
}

export function disk(
  key: number,
  sizeBytes: number,
  readBytes: number,
  bytesPerSecond?: number,
): RunView['disks'][number] {
  return {
    key,
    label: `Hard disk ${key}`,
    sizeBytes,
    readBytes,
    uploadedBytes: readBytes,
    objectDeleted: false,
    ...(bytesPerSecond === undefined ? {} : { bytesPerSecond }),
  }
}
