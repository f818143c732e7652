// What the tests of appliance/aws share: the lab's AWS side, connections to it, and the AWS CLI as a witness that is not ours.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import { type AwsClients, createAwsClients } from '../../appliance/aws/clients.ts'
import { ensureBucket } from '../../appliance/aws/registration.ts'
import type { AwsSettings } from '../../appliance/domain.ts'
import { type AccessKey, type Lab, type LabOptions, startLab } from '../lab/lab.ts'
import { tools } from '../lab/tools.ts'

export const connectorId = 'c0ffee00'

/** Starts the AWS side alone, with quick imports; stopped with the test. */
export async function awsLab(t: Test, options: Omit<LabOptions, 'vcenter'> = {}): Promise<Lab> {
  const { config = {}, ...rest } = options
  const quick = { timing: { stepMs: 20, settleMs: 0, completeMs: 20 } }
  const lab = await startLab({ ...rest, config: { ...config, aws: { ...quick, ...config.aws } }, vcenter: false })
  t.teardown(() => lab.stop())
  return lab
}

export interface ConnectOptions {
  key?: AccessKey & { sessionToken?: string }
  settings?: Partial<AwsSettings>
}

/** Connects as the account `connector`, which has exactly the documented policy, unless another key is given. */
export function connect(t: Test, lab: Lab, options: ConnectOptions = {}): { clients: AwsClients; retries: string[] } {
  const { endpoint, region, connector } = lab.aws
  const key: NonNullable<ConnectOptions['key']> = options.key ?? connector
  const retries: string[] = []
  const clients = createAwsClients({
    settings: {
      region,
      accessKeyId: key.accessKeyId,
      endpoints: { s3: endpoint, ec2: endpoint, sts: endpoint, iam: endpoint, sns: endpoint },
      importRoleName: 'vmimport',
      ...options.settings,
    },
    secret: {
      secretAccessKey: key.secretAccessKey,
      ...(key.sessionToken === undefined ? {} : { sessionToken: key.sessionToken }),
    },
    onRetry: (cause, action) => retries.push(`${cause} ${action}`),
  })
  t.teardown(() => clients.destroy())
  return { clients, retries }
}

/** The connector's bucket, made the way the appliance makes it. */
export function makeBucket(lab: Lab, clients: AwsClients): Promise<string> {
  const { accountId, region } = lab.aws
  return ensureBucket({ clients, connectorId, accountId, region, partition: 'aws' })
}

/** Runs the AWS CLI as the account `admin` and gives its JSON. */
export async function awsCli<T = Record<string, unknown>>(lab: Lab, ...args: string[]): Promise<T> {
  const text = await awsCliBytes(lab, ...args, '--output', 'json')
  return (text.length === 0 ? undefined : JSON.parse(text.toString())) as T
}

export async function awsCliBytes(lab: Lab, ...args: string[]): Promise<Buffer> {
  const { endpoint, region, admin } = lab.aws
  const { stdout } = await promisify(execFile)(tools.aws, ['--endpoint-url', endpoint, ...args], {
    encoding: 'buffer',
    maxBuffer: 256 * 1024 * 1024,
    env: {
      PATH: process.env.PATH,
      AWS_ACCESS_KEY_ID: admin.accessKeyId,
      AWS_SECRET_ACCESS_KEY: admin.secretAccessKey,
      AWS_DEFAULT_REGION: region,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    },
  })
  return stdout
}
