// The process: one HTTP server for EC2, EBS direct, STS, IAM and KMS, and the control port's routes. JSON config on stdin's first line.
import { timingSafeEqual } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AwsError } from './aws-error.ts'
import { checkConfig, defaultQuotas, defaultTiming, type Lab, type LabAwsConfig, readConfigLine } from './config.ts'
import { answerFront, control } from './control.ts'
import { answerAws } from './dispatch.ts'
import { parseJson } from './ebs-request.ts'
import { ImageStore } from './ec2-images.ts'
import { InstanceStore } from './ec2-instances.ts'
import { IamStore } from './iam-store.ts'
import { ImportStore } from './import-task.ts'
import { KmsStore } from './kms.ts'
import { SnapshotStore } from './snapshot-store.ts'

/** The largest body that any operation takes: one block and some. */
const maximumBodyBytes = 2 * 1024 ** 2

export type RunningLab = { endpoint: string; lab: Lab; close: () => Promise<void> }

export function createLab(config: LabAwsConfig): Lab {
  mkdirSync(config.stateDir, { recursive: true })
  const clock = { skewMs: 0 }
  const now = () => Date.now() + clock.skewMs
  const kms = new KmsStore(config.region, config.accountId)
  return {
    config,
    accountId: config.accountId,
    region: config.region,
    quotas: { ...defaultQuotas, ...config.quotas },
    timing: { ...defaultTiming, ...config.timing },
    qemuImg: config.qemuImg ?? 'qemu-img',
    iam: new IamStore(config),
    kms,
    snapshots: new SnapshotStore(config.stateDir, config.region, now),
    images: new ImageStore(config.region),
    instances: new InstanceStore(),
    imports: new ImportStore(),
    clock,
    directWrites: { rates: new Map(), tokens: new Map() },
    bucketOwners: new Map(),
    settings: {
      encryptionByDefault: config.encryptionByDefault ?? false,
      defaultKmsKeyArn: kms.find('alias/aws/ebs')?.arn ?? '',
    },
    now,
  }
}

/** Starts the server on a port of 127.0.0.1 that the system chooses. */
export async function startAwsServer(config: LabAwsConfig): Promise<RunningLab> {
  const lab = createLab(checkConfig(config))
  const server = createServer((request, response) => {
    respond(lab, request, response).catch((error: unknown) => {
      process.stderr.write(`lab aws: ${String(error)}\n`)
      request.socket.destroy()
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    lab,
    close: async () => {
      for (const task of lab.imports.tasks.values()) task.abort.abort('The lab is shut down')
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function respond(lab: Lab, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [rawPath = '/', rawQuery = ''] = (request.url ?? '/').split('?', 2)
  const body = await readBody(request)
  const prefix = /^\/(control|internal)(\/.*)$/.exec(rawPath)
  if (prefix !== null && request.headers.authorization === undefined) {
    await respondOwn(lab, request, response, prefix[1] ?? '', prefix[2] ?? '', body)
    return
  }
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(',') : (value ?? ''),
    ]),
  )
  const answer = await answerAws(lab, { method: request.method ?? '', rawPath, rawQuery, headers, body })
  response.writeHead(answer.statusCode, { ...answer.headers, 'content-length': Buffer.byteLength(answer.body) })
  response.end(answer.body)
}

async function respondOwn(
  lab: Lab,
  request: IncomingMessage,
  response: ServerResponse,
  kind: string,
  path: string,
  body: Buffer,
): Promise<void> {
  let statusCode = 200
  let answer: unknown
  try {
    const input = parseJson(body)
    if (kind === 'control') answer = await control(lab, request.method ?? '', path, input)
    else if (path === '/authorize' && request.method === 'POST') {
      checkInternal(lab, request.headers['x-lab-internal'])
      answer = answerFront(lab, input as Parameters<typeof answerFront>[1])
    } else throw new AwsError('NotFound', `there is no ${path}`, 404)
  } catch (error) {
    statusCode = error instanceof AwsError ? error.statusCode : 500
    answer = { code: error instanceof AwsError ? error.code : 'INTERNAL', message: (error as Error).message }
  }
  response.writeHead(statusCode, { 'content-type': 'application/json' })
  response.end(JSON.stringify(answer))
}

function checkInternal(lab: Lab, given: string | string[] | undefined): void {
  const wanted = Buffer.from(lab.config.internalSecret)
  const secret = Buffer.from(String(given ?? ''))
  if (secret.length !== wanted.length || !timingSafeEqual(secret, wanted)) {
    throw new AwsError('Forbidden', 'X-Lab-Internal is missing or wrong', 403)
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maximumBodyBytes) throw new Error('a request body is larger than any operation takes')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function main(): Promise<void> {
  const running = await startAwsServer(await readConfigLine(process.stdin))
  process.stdout.write(`${JSON.stringify({ url: running.endpoint })}\n`)
  const stop = () => {
    void running.close().then(() => process.exit(0))
  }
  process.stdin.on('end', stop)
  process.stdin.resume()
  process.on('SIGTERM', stop)
}

if (import.meta.main) await main()
