// Benchmark "vmdk": our streamOptimized writer against qemu-img convert, on one raw file, and how fast our reader decodes.
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sameAsRaw } from '../disk/qemu-img.ts'
import {
  type BenchOptions,
  type BenchResult,
  formatTable,
  measureCommand,
  median,
  medianRatio,
  progress,
} from './measure.ts'
import { writeRealisticDisk } from './realistic-data.ts'

/** The targets. */
const MAX_WALL_RATIO = 0.25
const MAX_SIZE_RATIO = 1.08

/** `sizeBytes`: half of it data, half a hole. Default 4 GiB. */
export async function benchVmdk(options: BenchOptions & { sizeBytes?: number }): Promise<BenchResult> {
  const { runs, seed, signal, sizeBytes = 4 * 2 ** 30 } = options
  const directory = await mkdtemp(join(tmpdir(), 'hoist-bench-vmdk-'))
  try {
    const raw = join(directory, 'disk.raw')
    progress(`making ${sizeBytes / 2} bytes of data and as large a hole (seed ${seed})`)
    await writeRealisticDisk(raw, { seed, sizeBytes, dataBytes: sizeBytes / 2, signal })
    const measured: { ours: Converted; peer: Converted }[] = []
    for (let run = 1; run <= runs; run++) {
      const ours = await convert('ours', join(directory, 'ours.vmdk'), raw, signal)
      const peer = await convert('qemu-img', join(directory, 'peer.vmdk'), raw, signal)
      measured.push({ ours, peer })
      progress(`run ${run}: ours ${ours.wallSeconds} s, qemu-img ${peer.wallSeconds} s`)
    }
    const decode = await measureCommand(
      process.execPath,
      [beside('decode-vmdk.ts'), join(directory, 'ours.vmdk'), String(sizeBytes)],
      { signal },
    )
    const pairs = (figure: 'wallSeconds' | 'cpuSeconds' | 'streamBytes') =>
      medianRatio(measured.map(({ ours, peer }) => ({ ours: ours[figure], peer: peer[figure] })))
    const [wallRatio, cpuRatio, sizeRatio] = [pairs('wallSeconds'), pairs('cpuSeconds'), pairs('streamBytes')]
    const allSame = measured.every(({ ours, peer }) => ours.same && peer.same)
    if (!options.json) process.stdout.write(`${formatTable(measured.flatMap(tableRows))}\n`)
    return {
      scenario: 'vmdk',
      ok: allSame && wallRatio <= MAX_WALL_RATIO && sizeRatio <= MAX_SIZE_RATIO,
      peer: 'qemu-img convert -O vmdk -o subformat=streamOptimized',
      seed,
      sizeBytes,
      wallRatio,
      cpuRatio,
      sizeRatio,
      targets: { wallRatio: MAX_WALL_RATIO, sizeRatio: MAX_SIZE_RATIO },
      compressionRatio:
        Math.round((median(measured.map(({ ours }) => ours.streamBytes)) / (sizeBytes / 2)) * 1000) / 1000,
      rssPeakBytes: Math.max(...measured.map(({ ours }) => ours.rssPeakBytes)),
      decode: JSON.parse(decode.stdout),
      runs: measured,
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

type Converted = { wallSeconds: number; cpuSeconds: number; rssPeakBytes: number; streamBytes: number; same: boolean }

async function convert(
  side: 'ours' | 'qemu-img',
  target: string,
  raw: string,
  signal: AbortSignal,
): Promise<Converted> {
  await rm(target, { force: true })
  const { wallSeconds, cpuSeconds, rssPeakBytes } =
    side === 'ours'
      ? await measureCommand(process.execPath, [beside('convert-raw.ts'), raw, target], { signal })
      : await measureCommand(
          'qemu-img',
          ['convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, target],
          { signal },
        )
  progress(`${side}: ${wallSeconds} s; comparing`)
  return {
    wallSeconds,
    cpuSeconds,
    rssPeakBytes,
    streamBytes: (await stat(target)).size,
    same: await sameAsRaw(raw, target),
  }
}

function tableRows(
  { ours, peer }: { ours: Converted; peer: Converted },
  run: number,
): Record<string, string | number>[] {
  const row = (side: string, { wallSeconds, cpuSeconds, streamBytes, same }: Converted) => {
    return {
      run: run + 1,
      side,
      seconds: wallSeconds,
      cpuSeconds: Number(cpuSeconds.toFixed(1)),
      bytes: streamBytes,
      same: same ? 'yes' : 'NO',
    }
  }
  return [row('ours', ours), row('qemu-img', peer)]
}

function beside(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
