// Benchmark "full": the appliance against govc export.ovf and aws s3 cp, from the first request to vCenter to the completed S3 object.
import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { ApplianceProcess } from '../demo/appliance-process.ts'
import { importCatalog, setUp } from '../demo/drive.ts'
import { sameAsRaw } from '../disk/qemu-img.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { cacheDirectory, ensureTools, run as runProgram } from '../lab/tools.ts'
import { applianceSide, type Moved, peerSide, type Side } from './full-sides.ts'
import { type BenchOptions, type BenchResult, formatTable, medianRatio, progress } from './measure.ts'
import { writeRealisticDisk } from './realistic-data.ts'

/** The targets. */
const MAX_WALL_RATIO = 0.6
const MAX_WALL_RATIO_UNSHAPED = 1.0
/** 1 Gbit/s, as sites have it: vCenter's link and the one to AWS, each for itself. */
const SITE_BYTES_PER_SECOND = 125_000_000
const VM = 'bench'

type Link = 'unshaped' | '1 Gbit/s'
type Measured = Omit<Moved, 'bucket' | 'key'> & { streamBytes: number; sha256: string; same: boolean }
interface Pair {
  link: Link
  /** Of the machine, over the minute before: a busy one makes both sides slower, and not by the same factor. */
  loadAverage: number
  ours: Measured
  peer: Measured
}

/** `sizeBytes`: half of it data, half a hole. Default 8 GiB. */
export async function benchFull(options: BenchOptions & { sizeBytes?: number }): Promise<BenchResult> {
  const { runs, seed, signal, sizeBytes = 8 * 2 ** 30 } = options
  await ensureTools(['images', 'python', 'vcenter', 'front', 's3', 'govc'])
  const benchCache = join(cacheDirectory, 'bench')
  await mkdir(benchCache, { recursive: true })
  // On the disk that holds the cache: a /tmp in memory is too small for an 8 GiB disk and its exports.
  const directory = await mkdtemp(join(benchCache, 'full-'))
  try {
    const raw = join(directory, 'disk.raw')
    progress(`making ${sizeBytes / 2} bytes of data and as large a hole (seed ${seed})`)
    await writeRealisticDisk(raw, { seed, sizeBytes, dataBytes: sizeBytes / 2, signal })
    const config = {
      seed,
      // Encoded once and kept: how fast the lab compresses is not what is measured.
      nfc: { pinEncoding: true, cacheDir: join(benchCache, 'nfc') },
      vms: [{ name: VM, powerState: 'poweredOff' as const, disks: [{ label: 'Hard disk 1', file: raw }] }],
    }
    await using lab = await startLab({ config, signal })
    const appliance = await ApplianceProcess.start({
      dataDir: join(directory, 'data'),
      logFile: join(directory, 'appliance.log'),
      env: { HOIST_POLL_MS: '1000', HOIST_SCHEDULE_MS: '100', HOIST_HEALTH_MS: '0' },
    })
    try {
      const pairs = await measureAll(lab, appliance, { directory, raw, runs, signal })
      if (!options.json) process.stdout.write(`${formatTable(pairs.flatMap(tableRows))}\n`)
      return judge(pairs, seed, sizeBytes)
    } finally {
      await appliance.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function measureAll(
  lab: Lab,
  appliance: ApplianceProcess,
  { directory, raw, runs, signal }: { directory: string; raw: string; runs: number; signal: AbortSignal },
): Promise<Pair[]> {
  await setUp(appliance, lab)
  const server = (await importCatalog(appliance)).find(({ name }) => name === VM)
  if (!server) throw new Error(`The catalog has no ${VM}`)
  const ours = await applianceSide(lab, appliance, server.id)
  const peer = await peerSide(lab, VM, directory)
  progress('encoding the disk, unless that is in the cache')
  await peer.export(signal)
  const seen = new Map<string, boolean>()
  const measure = async (name: string, side: Side): Promise<Measured> => {
    await runProgram('sync', []) // what the side before left to be written is not this one's
    const { bucket, key, ...figures } = await side.move(signal)
    progress(`  ${name}: ${figures.wallSeconds} s, ${figures.cpuSeconds.toFixed(1)} s of CPU; checking the object`)
    // The lab's S3 server keeps an object as a file.
    const object = join(lab.endpoints.directory, 's3', bucket, key)
    const sha256 = (await runProgram('sha256sum', [object])).split(' ')[0] ?? ''
    const same = seen.get(sha256) ?? (await sameAsRaw(raw, object))
    seen.set(sha256, same)
    const streamBytes = (await stat(object)).size
    await side.clean()
    return { ...figures, streamBytes, sha256, same }
  }
  const pairs: Pair[] = []
  for (const link of ['unshaped', '1 Gbit/s'] as const) {
    const shape = { bytesPerSecond: link === 'unshaped' ? 0 : SITE_BYTES_PER_SECOND }
    await lab.vcenterControl('POST', '/shape', shape)
    await lab.awsControl('POST', '/shape', shape)
    for (let run = 1; run <= runs; run++) {
      const loadAverage = loadavg()[0] ?? 0
      progress(`${link}, run ${run}, load average ${loadAverage.toFixed(2)}`)
      pairs.push({ link, loadAverage, ours: await measure('ours', ours), peer: await measure('peer', peer) })
    }
  }
  return pairs
}

function judge(pairs: Pair[], seed: number, sizeBytes: number): BenchResult {
  const ratio = (link: Link, figure: 'wallSeconds' | 'cpuSeconds' | 'streamBytes') =>
    medianRatio(
      pairs.filter(pair => pair.link === link).map(({ ours, peer }) => ({ ours: ours[figure], peer: peer[figure] })),
    )
  const wallRatio = ratio('1 Gbit/s', 'wallSeconds')
  const wallRatioUnshaped = ratio('unshaped', 'wallSeconds')
  const same = pairs.every(({ ours, peer }) => ours.same && peer.same)
  return {
    scenario: 'full',
    ok: same && wallRatio <= MAX_WALL_RATIO && wallRatioUnshaped <= MAX_WALL_RATIO_UNSHAPED,
    peer: 'govc export.ovf to local disk, then aws s3 cp',
    seed,
    sizeBytes,
    wallRatio,
    wallRatioUnshaped,
    cpuRatio: ratio('1 Gbit/s', 'cpuSeconds'),
    cpuRatioUnshaped: ratio('unshaped', 'cpuSeconds'),
    sizeRatio: ratio('unshaped', 'streamBytes'),
    targets: { wallRatio: MAX_WALL_RATIO, wallRatioUnshaped: MAX_WALL_RATIO_UNSHAPED },
    same,
    bytesPerSecondShaped: SITE_BYTES_PER_SECOND,
    rssPeakBytes: Math.max(...pairs.map(({ ours }) => ours.rssPeakBytes)),
    runs: pairs.map(pair => ({ ...pair })),
  }
}

function tableRows({ link, loadAverage, ours, peer }: Pair): Record<string, string | number>[] {
  const row = (side: string, moved: Measured) => ({
    link,
    side,
    seconds: moved.wallSeconds,
    cpuSeconds: Number(moved.cpuSeconds.toFixed(1)),
    labCpuSeconds: moved.labCpuSeconds,
    bytes: moved.streamBytes,
    'peak MiB': Math.round(moved.rssPeakBytes / 2 ** 20),
    same: moved.same ? 'yes' : 'NO',
    load: Number(loadAverage.toFixed(2)),
  })
  return [row('ours', ours), row('govc + aws', peer)]
}
