// `npm run demo`: the main job on real bytes, from an empty appliance to AMIs, and the proof that every byte arrived.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunView } from '../../appliance/api/schemas/runs.ts'
import { bootGuest } from '../lab/guests/boot.ts'
import { demoServers } from '../lab/guests/demo-servers.ts'
import { type Lab, startLab } from '../lab/lab.ts'
import { cacheDirectory, ensureTools } from '../lab/tools.ts'
import { readOptions } from '../read-options.ts'
import { ApplianceProcess } from './appliance-process.ts'
import { awaitRuns, createJob, importCatalog, setUp } from './drive.ts'
import { mebibytes, progressPrinter, proofTable } from './screen.ts'
import { findLeftovers, proveRun, readBack, type ServerProof } from './verify.ts'

const usage = `npm run demo [-- OPTIONS]

Starts the lab and an empty appliance, registers both sides, replicates three servers to AMIs, and compares every
disk with its EBS snapshot by programs that are not the appliance's.

  --json   one JSON object as the last line of stdout instead of the table
  --boot   boot the first server from its EBS snapshots, read back, and wait for its login prompt
  --keep   leave everything running and print where; Ctrl-C ends it
  --help   this text
`
/** Peak memory of the appliance that the demo must stay within. */
const rssTargetBytes = 300 * 1024 * 1024
const imageMethods: Record<string, 'registered' | 'converted'> = {
  'debian-server': 'registered',
  'awkward-disks': 'registered',
  'windows-server': 'converted',
}

const { values: flags } = readOptions(usage, {
  options: {
    json: { type: 'boolean', default: false },
    boot: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (flags.help) process.stdout.write(usage)
else process.exitCode = await demo()

function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

async function demo(): Promise<number> {
  const startedAtMs = performance.now()
  await ensureTools()
  const directory = await mkdtemp(join(tmpdir(), 'hoist-demo-'))
  const lab = await startLab({
    config: { ...(await demoServers()), nfc: { cacheDir: join(cacheDirectory, 'encodings') } },
  })
  let appliance: ApplianceProcess | undefined
  try {
    appliance = await ApplianceProcess.start({
      dataDir: join(directory, 'data'),
      logFile: join(directory, 'appliance.log'),
      env: { HOIST_POLL_MS: '1000', HOIST_SCHEDULE_MS: '500' },
    })
    const replicatedAtMs = performance.now()
    const runs = await replicate(appliance, lab)
    const replicateSeconds = (performance.now() - replicatedAtMs) / 1000
    const rssPeakBytes = await appliance.rssPeakBytes()

    say("Comparing: sha256sum of the lab's files against EBS snapshots read back by boto3")
    const servers: ServerProof[] = []
    for (const run of runs) servers.push(await proveRun(lab, run, imageMethods[run.serverName] ?? ''))
    const leftovers = await findLeftovers(lab)
    const bootSeconds = flags.boot ? await bootReplica(lab, runs, directory) : undefined

    const equal = servers.every(server => server.state === 'succeeded' && server.disks.every(disk => disk.equal))
    const ok = equal && leftovers.length === 0 && rssPeakBytes <= rssTargetBytes
    const seconds = (performance.now() - startedAtMs) / 1000
    if (flags.json) {
      const result = { ok, servers, leftovers, rssPeakBytes, replicateSeconds, seconds, bootSeconds }
      process.stdout.write(`${JSON.stringify(result)}\n`)
    } else {
      process.stdout.write(`${proofTable(servers)}\n\n`)
      for (const line of leftovers) process.stdout.write(`LEFT BEHIND: ${line}\n`)
      if (bootSeconds !== undefined) {
        process.stdout.write(`The first server's replica showed its login prompt after ${bootSeconds.toFixed(0)} s\n`)
      }
      process.stdout.write(
        `${equal ? 'Every byte matches' : 'NOT EVERY BYTE MATCHES'}; ${leftovers.length} leftovers; replicated in ` +
          `${replicateSeconds.toFixed(0)} s, ${seconds.toFixed(0)} s in all; peak memory of the appliance ` +
          `${mebibytes(rssPeakBytes)} (target ${mebibytes(rssTargetBytes)})\n`,
      )
    }
    if (flags.keep) await keep(appliance, lab, directory)
    return ok ? 0 : 1
  } finally {
    await appliance?.stop()
    await lab.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Registration, catalog, and all servers at once. */
async function replicate(appliance: ApplianceProcess, lab: Lab): Promise<RunView[]> {
  const { bucket } = await setUp(appliance, lab)
  say(`Registered: extension in vCenter, bucket ${bucket} in AWS`)
  const servers = await importCatalog(appliance)
  say(`Catalog: ${servers.map(server => server.name).join(', ')}`)
  const jobs: string[] = []
  for (const [name, imageMethod] of Object.entries(imageMethods)) {
    const server = servers.find(candidate => candidate.name === name)
    if (!server) throw new Error(`The catalog has no ${name}`)
    jobs.push(await createJob(appliance, server.id, { imageMethod }))
  }
  return await awaitRuns(
    appliance,
    jobs,
    progressPrinter(text => process.stderr.write(text)),
  )
}

/** Reads the first server's replica back from EBS into raw files, and boots them. */
async function bootReplica(lab: Lab, runs: RunView[], directory: string): Promise<number> {
  const disks = runs[0]?.disks ?? []
  const files = disks.map(disk => ({
    snapshotId: disk.snapshotId ?? '',
    sizeBytes: disk.sizeBytes,
    file: join(directory, `replica-${disk.key}.raw`),
  }))
  await readBack(lab, files)
  say('Booting the replica of the first server')
  return await bootGuest(
    files.map(({ file }) => file),
    { firmware: 'efi', timeoutMs: 300_000 },
  )
}

async function keep(appliance: ApplianceProcess, lab: Lab, directory: string): Promise<void> {
  say(
    `Appliance: ${appliance.url}, token in ${join(directory, 'data', 'api-token')}, log in ${directory}/appliance.log`,
  )
  say(`Lab: ${JSON.stringify(lab.endpoints)}`)
  say('Press Ctrl-C to end')
  await new Promise<void>(resolve => process.once('SIGINT', () => resolve()))
}
