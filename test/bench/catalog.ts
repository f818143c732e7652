// Benchmark "catalog": our import of all servers against pyvmomi fetching the same properties, on the same lab.
import { fileURLToPath } from 'node:url'
import { serverPaths } from '../../appliance/vsphere/inventory.ts'
import { startLab } from '../lab/lab.ts'
import { ensureTools, tools } from '../lab/tools.ts'
import { type BenchOptions, type BenchResult, formatTable, measureCommand, medianRatio, progress } from './measure.ts'

/** The target. */
const MAX_WALL_RATIO = 1.0
const DEFAULT_VMS = 2000

/**
 * What each side prints about itself. Its own clocks are used, from the login to the last server, so that neither is
 * charged for starting its interpreter and loading its libraries.
 */
interface Import {
  servers: number
  /** SHA-256 over all instance UUIDs in order: both sides must have seen the same servers. */
  identities: string
  wallSeconds: number
  cpuSeconds: number
}

type Side = Import & { rssPeakBytes: number }

/** `vms`: how many servers the lab generates. */
export async function benchCatalog(options: BenchOptions & { vms?: number }): Promise<BenchResult> {
  const { runs, seed, signal, vms = DEFAULT_VMS } = options
  await ensureTools(['python', 'vcenter'])
  progress(`making an inventory of ${vms} servers (seed ${seed})`)
  await using lab = await startLab({ config: { seed, generatedVms: vms }, aws: false, signal })
  const { host, connector, certificatePem } = lab.vcenter
  // In the environment, not in the arguments: those can be read by every user of the machine.
  const env = {
    ...process.env,
    BENCH_VCENTER: JSON.stringify({ host, ...connector, certificatePem, paths: serverPaths }),
  }
  const run = async (command: string, script: string): Promise<Side> => {
    const { stdout, rssPeakBytes } = await measureCommand(command, [beside(script)], { signal, env })
    return { ...(JSON.parse(stdout) as Import), rssPeakBytes }
  }
  const measured: { ours: Side; peer: Side }[] = []
  for (let number = 1; number <= runs; number++) {
    const ours = await run(process.execPath, 'import-servers.ts')
    const peer = await run(tools.python, 'fetch_servers.py')
    measured.push({ ours, peer })
    progress(`run ${number}: ours ${ours.wallSeconds} s, pyvmomi ${peer.wallSeconds} s`)
  }
  const pairs = (figure: 'wallSeconds' | 'cpuSeconds') =>
    medianRatio(measured.map(({ ours, peer }) => ({ ours: ours[figure], peer: peer[figure] })))
  const [wallRatio, cpuRatio] = [pairs('wallSeconds'), pairs('cpuSeconds')]
  const same = measured.every(
    ({ ours, peer }) => ours.servers === vms && peer.servers === vms && ours.identities === peer.identities,
  )
  if (!options.json) process.stdout.write(`${formatTable(measured.flatMap(tableRows))}\n`)
  return {
    scenario: 'catalog',
    ok: same && wallRatio <= MAX_WALL_RATIO,
    peer: 'pyvmomi, the same properties by one paged RetrievePropertiesEx',
    seed,
    vms,
    wallRatio,
    cpuRatio,
    targets: { wallRatio: MAX_WALL_RATIO },
    same,
    rssPeakBytes: Math.max(...measured.map(({ ours }) => ours.rssPeakBytes)),
    runs: measured,
  }
}

function tableRows({ ours, peer }: { ours: Side; peer: Side }, index: number): Record<string, string | number>[] {
  const row = (side: string, { servers, wallSeconds, cpuSeconds, rssPeakBytes }: Side) => {
    return {
      run: index + 1,
      side,
      servers,
      seconds: wallSeconds,
      cpuSeconds,
      'peak MiB': Math.round(rssPeakBytes / 2 ** 20),
    }
  }
  return [row('ours', ours), row('pyvmomi', peer)]
}

function beside(file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
