// A whole site for tests: the lab, and an appliance in this process whose API is called without a socket.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import type { HealthCheckView, HealthView } from '../appliance/api/schemas/health.ts'
import type { RunView } from '../appliance/api/schemas/runs.ts'
import type { ServerView } from '../appliance/api/schemas/servers.ts'
import { type App, createApp } from '../appliance/app.ts'
import type { Config } from '../appliance/config.ts'
import { type Lab, type LabConfig, startLab } from './lab/lab.ts'

export interface Answer<T> {
  status: number
  body: T
}

export interface Site {
  lab: Lab
  app: App
  dataDir: string
  /** Calls the API with the token. */
  call<T = { code?: string; message?: string; hint?: string }>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<Answer<T>>
  vcenterBody(): Record<string, unknown>
  awsBody(): Record<string, unknown>
  /** Runs all checks; their results by id. */
  health(): Promise<Record<string, HealthCheckView>>
  /** Enters the settings, registers and imports the catalog. */
  setUp(): Promise<void>
  server(name: string): Promise<ServerView>
  /** Replicates one server by a one-time job; resolves with the ended run. */
  replicate(name: string, settings?: Record<string, unknown>): Promise<RunView>
  /** Makes a one-time job without waiting; resolves with its first run as soon as there is one. */
  begin(name: string, settings?: Record<string, unknown>): Promise<RunView>
  /** Waits until a run is as the test wants it; fails after a minute. */
  until(runId: string, wanted: (run: RunView) => boolean): Promise<RunView>
  stop(): Promise<void>
}

const untilMs = 60_000

/** Starts the lab with this inventory, and an appliance with empty data that polls fast. */
export async function startSite(
  config: LabConfig,
  changes: Partial<Config> = {},
  log: (dataDir: string) => Logger = () => pino({ level: 'silent' }),
): Promise<Site> {
  const dataDir = await mkdtemp(join(tmpdir(), 'hoist-site-'))
  const lab = await startLab({ config })
  const app = await createApp({ ...siteConfig(dataDir), ...changes }, log(dataDir))
  app.start()
  const site: Site = {
    lab,
    app,
    dataDir,
    async call(method, path, body) {
      const answer = await app.api.inject({
        method,
        url: path,
        headers: { authorization: `Bearer ${app.token}` },
        ...(body === undefined ? {} : { payload: body as object }),
      })
      const parsed = answer.body === '' ? undefined : answer.json()
      return { status: answer.statusCode, body: parsed }
    },
    vcenterBody: () => ({
      host: lab.vcenter.host,
      ...lab.vcenter.connector,
      trust: { kind: 'pinned', certificatePem: lab.vcenter.certificatePem },
    }),
    awsBody: () => ({
      region: lab.aws.region,
      ...lab.aws.connector,
      endpoints: Object.fromEntries(['s3', 'ec2', 'sts', 'iam'].map(service => [service, lab.aws.endpoint])),
    }),
    async health() {
      await expectStatus(site.call('POST', '/api/health/run'), 202)
      return await poll(async () => {
        const { body } = await site.call<HealthView>('GET', '/api/health')
        return body.running ? undefined : Object.fromEntries(body.checks.map(check => [check.id, check]))
      })
    },
    async setUp() {
      await expectStatus(site.call('PUT', '/api/settings/vcenter', site.vcenterBody()), 200)
      await expectStatus(site.call('PUT', '/api/settings/aws', site.awsBody()), 200)
      await expectStatus(site.call('POST', '/api/registration'), 200)
      await expectStatus(site.call('POST', '/api/catalog/import'), 202)
      await poll(async () => {
        const { body } = await site.call<{ state: string; failure?: { message: string } }>('GET', '/api/catalog')
        if (body.state === 'failed') throw new Error(body.failure?.message)
        return body.state === 'ready' ? body : undefined
      })
    },
    async server(name) {
      const { body } = await site.call<{ items: ServerView[] }>(
        'GET',
        `/api/servers?search=${encodeURIComponent(name)}`,
      )
      const server = body.items.find(item => item.name === name)
      if (!server) throw new Error(`The catalog has no ${name}`)
      return server
    },
    async begin(name, settings = {}) {
      const { id } = await site.server(name)
      const { body } = await site.call<{ created: { id: string }[]; refused: { message: string }[] }>(
        'POST',
        '/api/jobs',
        { serverIds: [id], settings },
      )
      const job = body.created[0]
      if (!job) throw new Error(body.refused[0]?.message)
      return await poll(async () => {
        const runs = await site.call<{ items: RunView[] }>('GET', `/api/runs?jobId=${job.id}`)
        return runs.body.items[0]
      })
    },
    async replicate(name, settings) {
      const run = await site.begin(name, settings)
      return await site.until(run.id, ({ endedAt }) => endedAt !== undefined)
    },
    until: (runId, wanted) =>
      poll(async () => {
        const { body } = await site.call<RunView>('GET', `/api/runs/${runId}`)
        return wanted(body) ? body : undefined
      }),
    async stop() {
      await app.stop()
      await lab.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
  return site
}

/** The configuration of a test's appliance. */
export function siteConfig(dataDir: string): Config {
  return {
    dataDir,
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    pollMs: 50,
    scheduleMs: 50,
    resumeMs: 20,
    stallMs: 5_000,
    watchMs: 200,
    leaseMs: 1_000,
    reapMs: 60_000,
    // Only when a test asks: a round of checks would take the faults that were ordered for something else.
    healthMs: 0,
    redirectPort: 0,
    machineId: 'site',
    machineSocket: '',
    upgradeState: '',
    releaseKeys: '/nowhere',
    secretsKey: '',
  }
}

/** Asks until there is an answer. */
export async function poll<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const startedAtMs = performance.now()
  for (;;) {
    const found = await ask()
    if (found !== undefined) return found
    if (performance.now() - startedAtMs > untilMs) throw new Error('It did not happen within a minute')
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

async function expectStatus(answer: Promise<Answer<unknown>>, status: number): Promise<void> {
  const { status: got, body } = await answer
  if (got !== status) throw new Error(`Expected ${status}, got ${got}: ${JSON.stringify(body)}`)
}
