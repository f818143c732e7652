// What the tests of the lab's AWS side share: the server and versitygw as processes, boto3 scripts, disks to import.
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { listeningPort, readyLine, startProcess } from '../lab-process.ts'
import { ensureTools, tools } from '../tools.ts'
import type { LabAwsConfig } from './config.ts'

const runFile = promisify(execFile)

export const accountId = '111122223333'
export const region = 'eu-central-1'
export const keys = {
  admin: { accessKeyId: 'AKIAADMIN0000000000A', secretAccessKey: 'admin-secret' },
  connector: { accessKeyId: 'AKIACONNECTOR000000C', secretAccessKey: 'connector-secret' },
}
const root = { accessKeyId: 'root', secretAccessKey: 'root-secret' }

export interface TestBed extends AsyncDisposable {
  endpoint: string
  directory: string
  /** Runs a boto3 script; what it passes to `give()` comes back. */
  python: (script: string, variables?: Record<string, unknown>) => Promise<Record<string, unknown>>
  control: (method: string, path: string, body?: object) => Promise<Record<string, unknown>>
  internal: (body: object, secret?: string) => Promise<{ status: number; body: Record<string, unknown> }>
  putObject: (key: string, body: Buffer) => Promise<void>
}

export const bucket = 'hoist-test-0'

const prelude = `
import base64, hashlib, json, sys, time
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
V = json.loads(sys.stdin.read())
def client(service, who='admin', token=None, region=None, **keys):
    k = V['keys'][who]
    return boto3.client(service, endpoint_url=V['endpoint'], region_name=region or V['region'],
        aws_access_key_id=keys.get('id', k['accessKeyId']), aws_secret_access_key=keys.get('secret', k['secretAccessKey']),
        aws_session_token=token, config=Config(retries={'total_max_attempts': 1}))
def refused(call, *args, **kw):
    try:
        call(*args, **kw)
    except ClientError as e:
        return {'code': e.response['Error']['Code'], 'message': e.response['Error']['Message'],
            'status': e.response['ResponseMetadata']['HTTPStatusCode'], 'reason': e.response.get('Reason')}
    return {'code': 'not refused'}
def give(**kw):
    print(json.dumps(kw, default=str))
def wait(check, seconds=30):
    end = time.time() + seconds
    while time.time() < end:
        value = check()
        if value: return value
        time.sleep(0.03)
    raise Exception('waited in vain')
def import_done(ec2, task):
    def check():
        one = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])['ImportSnapshotTasks'][0]
        return one if one['SnapshotTaskDetail']['Status'] in ('completed', 'deleted') else None
    return wait(check)
def image_done(ec2, task):
    def check():
        one = ec2.describe_import_image_tasks(ImportTaskIds=[task])['ImportImageTasks'][0]
        return one if one['Status'] in ('completed', 'deleted') else None
    return wait(check)
def snapshot_done(ec2, snapshot):
    wait(lambda: ec2.describe_snapshots(SnapshotIds=[snapshot])['Snapshots'][0]['State'] == 'completed')
def import_snapshot(ec2, key, **kw):
    task = ec2.import_snapshot(DiskContainer={'Format': 'VMDK', 'UserBucket': {'S3Bucket': V['bucket'], 'S3Key': key}}, **kw)
    return import_done(ec2, task['ImportTaskId'])['SnapshotTaskDetail']['SnapshotId']
def blocks(ebs, snapshot, page=10000):
    token, found = {}, []
    while True:
        answer = ebs.list_snapshot_blocks(SnapshotId=snapshot, MaxResults=page, **token)
        found += answer['Blocks']
        if not answer.get('NextToken'): return found, answer
        token = {'NextToken': answer['NextToken']}
def read(ebs, snapshot):
    found, answer = blocks(ebs, snapshot)
    image = bytearray(answer['VolumeSize'] * 2**30)
    for b in found:
        got = ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=b['BlockIndex'], BlockToken=b['BlockToken'])
        data = got['BlockData'].read()
        assert base64.b64encode(hashlib.sha256(data).digest()).decode() == got['Checksum']
        assert got['DataLength'] == len(data) == 524288
        image[b['BlockIndex'] * 524288:(b['BlockIndex'] + 1) * 524288] = data
    return bytes(image)
def read_blocks(ebs, snapshot):
    return {b['BlockIndex']: ebs.get_snapshot_block(SnapshotId=snapshot, BlockIndex=b['BlockIndex'], BlockToken=b['BlockToken'])['BlockData'].read()
        for b in blocks(ebs, snapshot)[0]}
def put(ebs, snapshot, index, data, **kw):
    return ebs.put_snapshot_block(**{**dict(SnapshotId=snapshot, BlockIndex=index, BlockData=data, DataLength=524288,
        Checksum=base64.b64encode(hashlib.sha256(data).digest()).decode(), ChecksumAlgorithm='SHA256'), **kw})
def linear(*blocks):
    return base64.b64encode(hashlib.sha256(b''.join(hashlib.sha256(b).digest() for b in blocks)).digest()).decode()
`

export async function startTestBed(overrides: Partial<LabAwsConfig> = {}): Promise<TestBed> {
  await ensureTools(['images', 'python', 's3'])
  const directory = await mkdtemp(join(tmpdir(), 'hoist-lab-aws-'))
  await mkdir(join(directory, 's3'))
  const s3 = await startProcess(
    {
      name: 'versitygw',
      program: tools.versitygw,
      args: ['--quiet', '--region', region, '--port', '127.0.0.1:0', 'posix', join(directory, 's3')],
      env: { ...process.env, ROOT_ACCESS_KEY_ID: root.accessKeyId, ROOT_SECRET_ACCESS_KEY: root.secretAccessKey },
      foreign: true,
    },
    async ({ pid }) => {
      const port = await listeningPort(pid)
      return port === undefined ? undefined : `http://127.0.0.1:${port}`
    },
  )
  const config: LabAwsConfig = {
    accountId,
    region,
    stateDir: join(directory, 'aws'),
    internalSecret: 'internal',
    admin: keys.admin,
    connector: keys.connector,
    vmimport: {},
    s3: { ...root, endpoint: s3.ready },
    timing: { stepMs: 20, settleMs: 0, completeMs: 20 },
    ...overrides,
  }
  const server = await startProcess(
    {
      name: 'aws',
      program: process.execPath,
      args: [join(import.meta.dirname, 'server.ts')],
      input: `${JSON.stringify(config)}\n`,
    },
    readyLine<{ url: string }>,
  )
  const endpoint = server.ready.url
  const client = new S3Client({ endpoint: s3.ready, region, forcePathStyle: true, credentials: root })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const post = async (method: string, path: string, body: object | undefined, headers: Record<string, string> = {}) => {
    const answer = await fetch(`${endpoint}${path}`, {
      method,
      headers,
      ...(body ? { body: JSON.stringify(body) } : {}),
    })
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
  }
  return {
    endpoint,
    directory,
    python: (script, variables = {}) => runPython(script, { endpoint, region, accountId, bucket, keys, ...variables }),
    control: async (method, path, body) => (await post(method, `/control${path}`, body)).body,
    internal: (body, secret = 'internal') => post('POST', '/internal/authorize', body, { 'x-lab-internal': secret }),
    putObject: async (key, body) => {
      await client.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
    },
    [Symbol.asyncDispose]: async () => {
      client.destroy()
      await server.process.stop()
      await s3.process.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function runPython(script: string, variables: Record<string, unknown>): Promise<Record<string, unknown>> {
  const running = promisify(execFile)(tools.python, ['-c', `${prelude}\n${script}`], { maxBuffer: 64 * 1024 ** 2 })
  running.child.stdin?.end(JSON.stringify(variables))
  const { stdout } = await running
  return JSON.parse(stdout) as Record<string, unknown>
}

/** A streamOptimized VMDK of these bytes, made by qemu-img. */
export async function makeVmdk(
  directory: string,
  name: string,
  content: Buffer,
  subformat = 'streamOptimized',
): Promise<string> {
  const raw = join(directory, `${name}.img`)
  const vmdk = join(directory, `${name}.vmdk`)
  await writeFile(raw, content)
  await runFile('qemu-img', ['convert', '-f', 'raw', '-O', 'vmdk', '-o', `subformat=${subformat}`, raw, vmdk])
  return vmdk
}

/** A small disk: MBR with one partition at 1 MiB that begins like a file system of that system. */
export function guestDisk(system: 'Windows' | 'Linux' | 'nothing', sizeBytes = 3 * 1024 ** 2): Buffer {
  const disk = Buffer.alloc(sizeBytes)
  if (system === 'nothing') return disk
  disk[450] = system === 'Windows' ? 0x07 : 0x83
  disk.writeUInt32LE(2048, 454)
  disk.writeUInt32LE(sizeBytes / 512 - 2048, 458)
  disk.writeUInt16LE(0xaa55, 510)
  if (system === 'Windows') disk.write('NTFS    ', 1024 ** 2 + 3, 'latin1')
  else disk.writeUInt16LE(0xef53, 1024 ** 2 + 1080)
  return disk
}
