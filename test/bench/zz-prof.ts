// TEMPORARY: profiling
import { mkdtemp, rm, mkdir, readFile, readdir, stat } from 'node:fs/promises'
import { spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { ApplianceProcess } from '../demo/appliance-process.ts'
import { importCatalog, setUp } from '../demo/drive.ts'
import { startLab } from '../lab/lab.ts'
import { cacheDirectory } from '../lab/tools.ts'
import { applianceSide, peerSide } from './full-sides.ts'
import { writeRealisticDisk } from './realistic-data.ts'
const sizeBytes = Number(process.env.SIZE ?? 4 * 2 ** 30), runs = Number(process.env.RUNS ?? 3), rate = Number(process.env.RATE ?? 0)
const benchCache = join(cacheDirectory, 'bench')
await mkdir(benchCache, { recursive: true })
const raw = join(benchCache, `prof-${sizeBytes}.raw`)
const signal = new AbortController().signal
if (!(await stat(raw).catch(() => undefined))) await writeRealisticDisk(raw, { seed: 20260101, sizeBytes, dataBytes: sizeBytes / 2 })
const directory = await mkdtemp(join(benchCache, 'full-'))
const threads = async (pid: number) => {
  const out: Record<string, number> = {}
  for (const tid of await readdir(`/proc/${pid}/task`)) {
    const s = await readFile(`/proc/${pid}/task/${tid}/stat`, 'utf8').catch(() => '')
    const name = s.slice(s.indexOf('(') + 1, s.lastIndexOf(')')); const f = s.slice(s.lastIndexOf(')') + 2).split(' ')
    out[`${name}-${tid}`] = (Number(f[11]) + Number(f[12])) / 100
  }
  return out
}
const diff = (a: Record<string, number>, b: Record<string, number>) => Object.entries(b).map(([k, v]) => [k, +(v - (a[k] ?? 0)).toFixed(2)] as const).filter(([, v]) => v > 0.1).map(([k, v]) => `${k}=${v}`).join(' ')
try {
  await using lab = await startLab({ config: { nfc: { pinEncoding: true, cacheDir: join(benchCache, 'nfc') }, vms: [{ name: 'bench', powerState: 'poweredOff', disks: [{ label: 'Hard disk 1', file: raw }] }] } })
  const appliance = await ApplianceProcess.start({ dataDir: join(directory, 'data'), logFile: '/tmp/prof/appliance.log', env: { HOIST_POLL_MS: '1000', HOIST_SCHEDULE_MS: '100', ...(process.env.NODEOPT ? { NODE_OPTIONS: process.env.NODEOPT } : {}) } })
  try {
    await setUp(appliance, lab)
    const server = (await importCatalog(appliance)).find(s => s.name === 'bench')!
    const ours = await applianceSide(lab, appliance, server.id)
    const peer = await peerSide(lab, 'bench', directory)
    await peer.export(signal)
    for (const path of ['/shape']) { await lab.vcenterControl('POST', path, { bytesPerSecond: rate }); await lab.awsControl('POST', path, { bytesPerSecond: rate }) }
    let perf
    if (process.env.PERF) { perf = spawn('perf', ['record', '-F', '499', '-g', '-o', '/tmp/prof/perf.data', '-p', process.env.PERF === 'lab' ? Object.values(lab.pids).join(',') : String(appliance.pid)], { stdio: 'inherit' }) }
    for (let i = 0; i < runs; i++) {
      const lp = async () => Object.fromEntries(await Promise.all(Object.entries(lab.pids).map(async ([n, p]) => { const t = await threads(p); return [n, Object.values(t).reduce((a, b) => a + b, 0)] as const })))
      const [before, lb] = [await threads(appliance.pid), await lp()]
      const m = await ours.move(signal)
      console.log(`ours ${m.wallSeconds}s cpu ${m.cpuSeconds.toFixed(2)} lab ${m.labCpuSeconds} rss ${(m.rssPeakBytes / 2 ** 20).toFixed(0)} load ${loadavg()[0]!.toFixed(1)} | ${diff(before, await threads(appliance.pid))} | ${diff(lb, await lp())}`)
      await ours.clean()
      if (process.env.PEER) {
        const lb2 = await lp()
        const p = await peer.move(signal)
        console.log(`peer ${p.wallSeconds}s cpu ${p.cpuSeconds.toFixed(2)} lab ${p.labCpuSeconds} load ${loadavg()[0]!.toFixed(1)} | ${diff(lb2, await lp())}`)
        await peer.clean()
      }
    }
    if (perf) { perf.kill('SIGINT'); await new Promise(r => perf.once('exit', r)) }
  } finally { await appliance.stop() }
} finally { await rm(directory, { recursive: true, force: true }) }
