// The steps of the main job as a user takes them through the API: register, import, make jobs, watch them end.

import type { RunView } from '../../appliance/api/schemas/runs.ts'
import type { ServerView } from '../../appliance/api/schemas/servers.ts'
import type { Lab } from '../lab/lab.ts'
import type { ApplianceProcess } from './appliance-process.ts'

/** Enters both settings and registers the connector on both sides. */
export async function setUp(appliance: ApplianceProcess, lab: Lab): Promise<{ bucket: string }> {
  const shown = await appliance.call<{ certificatePem: string; thumbprintSha256: string }>(
    'POST',
    '/api/settings/vcenter/certificate',
    { host: lab.vcenter.host },
  )
  if (shown.thumbprintSha256 !== lab.vcenter.thumbprintSha256) throw new Error("This is not the lab's vCenter")
  await appliance.call('PUT', '/api/settings/vcenter', {
    host: lab.vcenter.host,
    ...lab.vcenter.connector,
    trust: { kind: 'pinned', certificatePem: shown.certificatePem },
  })
  await appliance.call('PUT', '/api/settings/aws', awsSettings(lab))
  return await appliance.call('POST', '/api/registration')
}

/** What the API takes as settings of the lab's AWS side. */
export function awsSettings(lab: Lab) {
  const services = ['s3', 'ec2', 'sts', 'iam'] as const
  return {
    region: lab.aws.region,
    ...lab.aws.connector,
    endpoints: Object.fromEntries(services.map(service => [service, lab.aws.endpoint])),
  }
}

/** Imports the catalog and waits for its end. */
export async function importCatalog(appliance: ApplianceProcess): Promise<ServerView[]> {
  type Catalog = { state: string; failure?: { code: string; message: string } }
  let catalog = await appliance.call<Catalog>('POST', '/api/catalog/import')
  while (catalog.state === 'importing') {
    await new Promise(resolve => setTimeout(resolve, 200))
    catalog = await appliance.call<Catalog>('GET', '/api/catalog')
  }
  if (catalog.state !== 'ready') throw new Error(`Catalog import: ${catalog.failure?.code} ${catalog.failure?.message}`)
  return (await appliance.call<{ items: ServerView[] }>('GET', '/api/servers?limit=500')).items
}

/** Makes a one-time job for a server that starts now. */
export async function createJob(
  appliance: ApplianceProcess,
  serverId: string,
  settings: Record<string, unknown>,
): Promise<string> {
  const { created, refused } = await appliance.call<{
    created: { id: string }[]
    refused: { code: string; message: string }[]
  }>('POST', '/api/jobs', { serverIds: [serverId], settings })
  const job = created[0]
  if (!job) throw new Error(`The job was refused: ${refused[0]?.code} ${refused[0]?.message}`)
  return job.id
}

/** Waits until each job has a run that has ended; tells of every change on the way. */
export async function awaitRuns(
  appliance: ApplianceProcess,
  jobIds: string[],
  onRun: (run: RunView) => void = () => undefined,
): Promise<RunView[]> {
  const ended = new Map<string, RunView>()
  const done = new AbortController()
  const note = (run: RunView) => {
    if (!jobIds.includes(run.jobId)) return
    onRun(run)
    if (run.endedAt !== undefined) ended.set(run.jobId, run)
    if (ended.size === jobIds.length) done.abort()
  }
  while (!done.signal.aborted) {
    try {
      await appliance.follow((kind, data) => {
        if (kind === 'run') note(data as RunView)
      }, done.signal)
    } catch (error) {
      if (!done.signal.aborted) throw error
    }
  }
  return jobIds.map(id => ended.get(id)).filter(run => run !== undefined)
}
