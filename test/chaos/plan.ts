// What a trial will be, drawn from its seed: servers, jobs, faults and their moments. Pure.
import type { LabVm } from '../lab/lab.ts'
import { type FaultKind, faultKinds, identityFaults, quietWithIdentity } from './fault-kinds.ts'
import { Random } from './random.ts'

const MiB = 1024 * 1024
const sectorBytes = 512

/** When a fault strikes. */
export type Moment =
  /** So long after the jobs were made. */
  | { on: 'start'; delayMs: number }
  /** When reading has come so far on all disks together, 0 to 1. */
  | { on: 'read'; fraction: number }
  | { on: 'stage'; stage: 'uploading' | 'converting' | 'creatingImage'; delayMs: number }
  /**
   * When the lab gets this request, besides the first `skip`. `seen`: as soon as it was logged. `held`: before it is carried out, and it is
   * carried out only after the fault struck. `lost`: after it was carried out, and its answer never arrives.
   */
  | {
      on: 'request'
      side: 'vcenter' | 'aws'
      operation: string
      how: 'seen' | 'held' | 'lost'
      skip: number
      delayMs: number
    }

export interface ServerPlan {
  vm: LabVm
  /** A job's body, without the server. */
  schedule?: { everyHours?: number; startAfterMs?: number }
  settings: Record<string, unknown>
}

export interface TrialPlan {
  seed: number
  trial: number
  servers: ServerPlan[]
  faults: { kind: FaultKind; moment: Moment }[]
  /** How fast the hosts send, so that there is a middle to strike in. */
  nfcBytesPerSecond: number
  /** Of each of an import's four stages. */
  importStepMs: number
}

/** How often a run without faults sends a request: once, once for each disk, or again and again. */
type Frequency = 'run' | 'disk' | 'often'

const vcenterRequests: [string, Frequency][] = [
  ['CreateSnapshot_Task', 'run'],
  ['CreateSnapshot_Task', 'run'],
  ['ExportSnapshot', 'run'],
  ['HttpNfcLeaseGetManifest', 'run'],
  ['HttpNfcLeaseComplete', 'run'],
  ['RemoveSnapshot_Task', 'run'],
  ['RemoveSnapshot_Task', 'run'],
]
const awsRequests: [string, Frequency][] = [
  ['CreateMultipartUpload', 'disk'],
  ['UploadPart', 'often'],
  ['UploadPart', 'often'],
  ['CompleteMultipartUpload', 'disk'],
  ['ImportSnapshot', 'disk'],
  ['ImportSnapshot', 'disk'],
  ['DescribeImportSnapshotTasks', 'often'],
  ['CreateTags', 'disk'],
  ['DeleteObject', 'disk'],
  ['RegisterImage', 'run'],
  ['RegisterImage', 'run'],
]

/** Bytes of data in a trial, about: more would only make trials slow (qemu-img encodes and decodes all of it). */
const dataBudgetBytes = 72 * MiB
const wantedUploadSeconds = 2.5

/** @param only kinds to draw the first fault from; all when empty */
export function planTrial(seed: number, trial: number, only: readonly FaultKind[]): TrialPlan {
  const random = new Random(seed, trial)
  // In turn, so that every kind comes up equally often; with another offset for each seed.
  const kinds = only.length > 0 ? only : faultKinds
  const first = kinds[(trial + new Random(seed).integer(0, kinds.length - 1)) % kinds.length] as FaultKind
  const struck: FaultKind[] = [first]
  if (random.chance(0.4)) struck.push(second(first, random))
  const servers = planServers(trial, random, struck)
  const data = servers.flatMap(({ vm }) => vm.disks ?? []).reduce((sum, disk) => sum + dataBytes(disk), 0)
  return {
    seed,
    trial,
    servers,
    faults: struck.map(kind => ({ kind, moment: planMoment(random, servers) })),
    nfcBytesPerSecond: Math.max(8 * MiB, Math.round((data / wantedUploadSeconds) * (0.5 + random.fraction()))),
    importStepMs: random.integer(50, 300),
  }
}

function second(first: FaultKind, random: Random): FaultKind {
  const fitting = identityFaults.includes(first)
    ? quietWithIdentity
    : faultKinds.filter(kind => kind !== first && !identityFaults.includes(kind))
  return random.pick(fitting)
}

function planServers(trial: number, random: Random, struck: FaultKind[]): ServerPlan[] {
  const count = random.integer(1, 3)
  const diskCounts = Array.from({ length: count }, () => random.integer(1, 3))
  const disks = diskCounts.reduce((sum, number) => sum + number, 0)
  return diskCounts.map((number, index) => planServer(`srv-${trial}-${index + 1}`, number, dataBudgetBytes / disks))

  function planServer(name: string, diskCount: number, budget: number): ServerPlan {
    const converted = random.chance(0.25)
    const vm: LabVm = {
      name,
      powerState: random.chance(0.8) ? 'poweredOn' : 'poweredOff',
      disks: Array.from({ length: diskCount }, (_, position) =>
        converted && position === 0 ? { file: '' } : planDisk(random, budget),
      ),
    }
    const repeats = random.chance(0.4)
    return {
      vm,
      settings: {
        imageMethod: converted ? 'converted' : 'registered',
        // An image that retention takes away while its database is an older one would be no evidence of anything.
        ...(struck.includes('restored') || random.chance(0.5) ? {} : { retention: random.integer(1, 3) }),
      },
      ...(repeats || random.chance(0.3)
        ? {
            schedule: {
              ...(repeats ? { everyHours: random.integer(1, 24) } : {}),
              ...(random.chance(0.5) ? { startAfterMs: random.integer(200, 2000) } : {}),
            },
          }
        : {}),
    }
  }
}

type PlannedDisk = NonNullable<LabVm['disks']>[number]

function planDisk(random: Random, budgetBytes: number): PlannedDisk {
  const kind = random.pick(['data', 'data', 'data', 'noise', 'noise', 'ends', 'zero'] as const)
  const sectors = random.integer((16 * MiB) / sectorBytes, (random.chance(0.2) ? 256 : 64) * (MiB / sectorBytes))
  const sizeBytes = random.chance(0.5) ? Math.ceil((sectors * sectorBytes) / MiB) * MiB : sectors * sectorBytes
  const fill = Math.min(1, (budgetBytes * (0.4 + random.fraction())) / sizeBytes)
  return { sizeBytes, kind, fill: Number(fill.toFixed(3)), seed: random.integer(1, 2 ** 31 - 1) }
}

function dataBytes(disk: PlannedDisk): number {
  if ('file' in disk) return 4 * MiB
  return disk.kind === 'zero' || disk.kind === 'ends' ? MiB : disk.sizeBytes * (disk.fill ?? 1)
}

function planMoment(random: Random, servers: ServerPlan[]): Moment {
  const choice = random.fraction()
  if (choice < 0.1) return { on: 'start', delayMs: random.integer(0, 1500) }
  if (choice < 0.4) return { on: 'read', fraction: Number((random.fraction() * 0.98).toFixed(2)) }
  if (choice < 0.55)
    return {
      on: 'stage',
      stage: random.pick(['uploading', 'converting', 'converting', 'creatingImage'] as const),
      delayMs: random.integer(0, 1000),
    }
  const side = random.chance(0.4) ? 'vcenter' : 'aws'
  const how = random.pick(
    side === 'vcenter' ? (['seen', 'held'] as const) : (['seen', 'held', 'lost', 'lost'] as const),
  )
  const converted = servers.some(({ settings }) => settings.imageMethod === 'converted')
  const registered = servers.some(({ settings }) => settings.imageMethod === 'registered')
  const sent = [...awsRequests, ...(converted ? [['ImportImage', 'run'] as [string, Frequency]] : [])].filter(
    ([operation]) => registered || operation !== 'RegisterImage',
  )
  const [operation, frequency] = random.pick(side === 'vcenter' ? vcenterRequests : sent)
  const disks = servers.flatMap(({ vm }) => vm.disks ?? []).length
  const most = { run: operation.endsWith('Image') ? 1 : servers.length, disk: disks, often: 5 }[frequency]
  return {
    on: 'request',
    side,
    operation,
    how,
    skip: random.chance(0.5) ? 0 : random.integer(0, most - 1),
    delayMs: random.chance(0.5) ? 0 : random.integer(0, 200),
  }
}
