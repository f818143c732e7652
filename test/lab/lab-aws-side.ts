// Starts the lab's AWS: versitygw and moto behind lab-front for S3, test/lab/aws (with moto behind it for SNS and SQS) for everything else, one endpoint for all.

import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  connectorPolicy,
  defaultBucketPrefix,
  vmimportRolePolicy,
  vmimportTrustPolicy,
} from '../../appliance/aws/permissions.ts'
import type { LabAwsConfig } from './aws/config.ts'
import type { LabConfig } from './lab-config.ts'
import { type LabProcess, listeningPort, readyLine, startProcess } from './lab-process.ts'
import { tools } from './tools.ts'

export interface AccessKey {
  accessKeyId: string
  secretAccessKey: string
}

export interface AwsEndpoints {
  endpoint: string
  region: string
  accountId: string
  /** May do everything. */
  admin: AccessKey
  /** May do exactly what `connectorPolicy` of appliance/aws/permissions.ts says. */
  connector: AccessKey
  control: string
}

/** Pushes each process to `started` as soon as it runs, so that the caller can end them even if a later one fails. */
export async function startAws(
  config: NonNullable<LabConfig['aws']>,
  directory: string,
  started: LabProcess[],
  signal?: AbortSignal,
): Promise<AwsEndpoints> {
  const region = config.region ?? 'eu-central-1'
  const accountId = config.accountId ?? '111122223333'
  const internalSecret = randomBytes(24).toString('base64url')
  const root = { accessKeyId: 'lab-root', secretAccessKey: randomBytes(24).toString('base64url') }
  const admin = accessKey()
  const connector = accessKey()

  const begin: typeof startProcess = async (command, ready) => {
    const running = await startProcess({ ...command, signal }, ready)
    started.push(running.process)
    return running
  }

  // moto takes longest to start: versitygw comes up beside it.
  const moto = begin(
    { name: 'moto', program: tools.motoServer, args: ['-H', '127.0.0.1', '-p', '0'], foreign: true },
    ({ stderr, stdout }) => /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(stderr + stdout)?.[1],
  )
  const objects = join(directory, 's3')
  await mkdir(objects, { recursive: true })
  const s3 = begin(
    {
      name: 'versitygw',
      program: tools.versitygw,
      args: ['--quiet', '--keep-alive', '--region', region, '--port', '127.0.0.1:0', 'posix', objects],
      env: { ...process.env, ROOT_ACCESS_KEY_ID: root.accessKeyId, ROOT_SECRET_ACCESS_KEY: root.secretAccessKey },
      foreign: true,
    },
    async ({ pid }) => {
      const port = await listeningPort(pid)
      return port === undefined ? undefined : `http://127.0.0.1:${port}`
    },
  )
  const backend = settled([s3, moto]).then(([{ ready: s3Endpoint }, { ready: motoUrl }]) => {
    const backendConfig: LabAwsConfig = {
      accountId,
      region,
      stateDir: join(directory, 'aws'),
      internalSecret,
      admin,
      connector: { ...connector, policy: config.connectorPolicy ?? documentedPolicy(accountId, region) },
      ...(config.vmimportRole === false ? {} : { vmimport: documentedRole(accountId) }),
      s3: { ...root, endpoint: s3Endpoint, region },
      moto: motoUrl,
      ...(config.encryptionByDefault === undefined ? {} : { encryptionByDefault: config.encryptionByDefault }),
      ...(config.quotas === undefined ? {} : { quotas: config.quotas }),
      ...(config.timing === undefined ? {} : { timing: config.timing }),
    }
    return begin(
      {
        name: 'aws',
        program: process.execPath,
        args: [join(import.meta.dirname, 'aws/server.ts')],
        input: `${JSON.stringify(backendConfig)}\n`,
      },
      readyLine<{ url: string }>,
    )
  })
  const [s3Running, motoRunning, backendRunning] = await settled([s3, moto, backend])
  const front = await begin(
    {
      name: 'lab-front',
      program: tools.labFront,
      args: [],
      input: `${JSON.stringify({
        awsBackend: backendRunning.ready.url,
        internalToken: internalSecret,
        versitygw: { url: s3Running.ready, rootAccessKey: root.accessKeyId, rootSecretKey: root.secretAccessKey },
        moto: { url: motoRunning.ready },
        region,
        accountId,
        stateDir: join(directory, 'front'),
      })}\n`,
    },
    readyLine<{ endpoint: string; control: string }>,
  )
  return { ...front.ready, region, accountId, admin, connector }
}

/** As Promise.all, but it waits for all before it fails: no process is left that starts behind our back. */
export async function settled<T extends readonly Promise<unknown>[]>(
  promises: readonly [...T],
): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(promises)
  return Promise.all(promises)
}

const accessKey = (): AccessKey => ({
  // The form of AWS's own: 20 characters, of which the first four say what kind of key it is.
  accessKeyId: `AKIA${randomBytes(8).toString('hex').toUpperCase()}`,
  secretAccessKey: randomBytes(30).toString('base64'),
})

function documentedPolicy(accountId: string, region: string) {
  return connectorPolicy({ partition: 'aws', accountId, region, bucketPrefix: defaultBucketPrefix })
}

function documentedRole(accountId: string) {
  return {
    trust: vmimportTrustPolicy({ accountId }),
    policy: vmimportRolePolicy({ partition: 'aws', accountId, bucketPrefix: defaultBucketPrefix }),
  }
}
