import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import t from 'tap'
import { defaultBucketPrefix } from '../../appliance/aws/permissions.ts'
import { type AccessKey, type AwsEndpoints, type LabEndpoints, startLab } from './lab.ts'
import { LabConfigError } from './lab-config.ts'
import { ensureTools, tools } from './tools.ts'

await ensureTools()
const script = `${import.meta.dirname}/lab.ts`

t.test('a lab with both sides starts in seconds, answers on loopback, and leaves nothing when it stops', async t => {
  const started = performance.now()
  const lab = await startLab({ config: { vms: [{ name: 'web01', disks: [{ sizeBytes: 1 << 20, seed: 1 }] }] } })
  t.comment(`started in ${Math.round(performance.now() - started)} ms`)
  for (const url of [lab.vcenter.url, lab.vcenter.control, lab.aws.endpoint, lab.aws.control]) {
    t.equal(new URL(url).hostname, '127.0.0.1')
  }
  const vms = await lab.vcenterControl<{ name: string; disks: { file: string }[] }[]>('GET', '/vms')
  t.strictSame(
    vms.map(({ name }) => name),
    ['web01'],
  )
  t.ok(vms.every(({ disks }) => disks.every(({ file }) => file.startsWith(lab.endpoints.directory))))
  await lab.awsControl('GET', '/requests')
  const pids = Object.values(lab.pids)
  await lab.stop()
  for (const pid of pids) t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
  t.notOk(existsSync(lab.endpoints.directory))
})

/** The AWS command line against the lab; what it prints. */
async function awsCommand({ endpoint, region }: AwsEndpoints, key: AccessKey, ...args: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH ?? '',
    AWS_ACCESS_KEY_ID: key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
    AWS_DEFAULT_REGION: region,
    AWS_ENDPOINT_URL: endpoint,
    AWS_CONFIG_FILE: '/dev/null',
  }
  return (await promisify(execFile)(tools.aws, [...args, '--output', 'json'], { env })).stdout
}

t.test('only the side that is asked for is started', async t => {
  await using lab = await startLab({ aws: false })
  t.strictSame(Object.keys(lab.pids), ['lab-vcenter'])
  t.throws(() => lab.aws, { message: /without this side/ })
})

t.test('the AWS command line works on the lab, by account, and refuses what the policy does not allow', async t => {
  await using lab = await startLab({ vcenter: false })
  const { admin, connector, accountId } = lab.aws
  const aws = (key: AccessKey, ...args: string[]) => awsCommand(lab.aws, key, ...args)
  t.equal(JSON.parse(await aws(admin, 'sts', 'get-caller-identity')).Account, accountId)
  await aws(admin, 's3', 'mb', 's3://some-bucket')
  t.match(await aws(admin, 's3api', 'list-buckets'), /some-bucket/)
  t.strictSame(JSON.parse(await aws(admin, 'ec2', 'describe-snapshots', '--owner-ids', 'self')).Snapshots, [])
  await t.rejects(aws(connector, 's3api', 'delete-bucket', '--bucket', 'some-bucket'), { message: /AccessDenied/ })
})

t.test(
  'what the AWS side holds is read back by the AWS command line: objects, tasks, blocks, tags, images',
  async t => {
    await using lab = await startLab({ vcenter: false, config: { aws: { timing: { stepMs: 5 } } } })
    const aws = async (...args: string[]) => {
      const text = await awsCommand(lab.aws, lab.aws.admin, ...args)
      return text.trim() === '' ? {} : JSON.parse(text)
    }
    const directory = t.testdir({})
    const [raw, vmdk, block] = ['raw', 'vmdk', 'block'].map(name => `${directory}/${name}`) as [string, string, string]
    const data = randomBytes(524_288)
    await writeFile(raw, data)
    await truncate(raw, 4 * 524_288)
    await promisify(execFile)('qemu-img', ['convert', '-O', 'vmdk', '-o', 'subformat=streamOptimized', raw, vmdk])
    const bucket = `${defaultBucketPrefix}-read-back`
    const place = `LocationConstraint=${lab.aws.region}`
    await aws('s3api', 'create-bucket', '--bucket', bucket, '--create-bucket-configuration', place)
    await aws('s3api', 'put-object', '--bucket', bucket, '--key', 'disk.vmdk', '--body', vmdk)
    const importTask = async (name: string) => {
      const container = `Format=VMDK,UserBucket={S3Bucket=${name},S3Key=disk.vmdk}`
      const { ImportTaskId } = await aws('ec2', 'import-snapshot', '--disk-container', container)
      for (;;) {
        const answer = await aws('ec2', 'describe-import-snapshot-tasks', '--import-task-ids', ImportTaskId)
        const detail = answer.ImportSnapshotTasks[0].SnapshotTaskDetail
        if (detail.Status === 'completed' || detail.Status === 'deleted') return detail
        await sleep(50)
      }
    }
    const { SnapshotId } = await importTask(bucket)
    const { Blocks } = await aws('ebs', 'list-snapshot-blocks', '--snapshot-id', SnapshotId)
    t.match(Blocks, [{ BlockIndex: 0 }])
    const where = ['--snapshot-id', SnapshotId, '--block-index', '0', '--block-token', Blocks[0].BlockToken]
    const { Checksum } = await aws('ebs', 'get-snapshot-block', ...where, block)
    t.equal(Checksum, createHash('sha256').update(data).digest('base64'))
    t.ok(data.equals(await readFile(block)))
    await aws('ec2', 'create-tags', '--resources', SnapshotId, '--tags', 'Key=hoist:run,Value=7')
    const tags = await aws('ec2', 'describe-tags', '--filters', `Name=resource-id,Values=${SnapshotId}`)
    t.match(tags, { Tags: [{ Key: 'hoist:run', Value: '7', ResourceType: 'snapshot' }] })
    const mapping = `DeviceName=/dev/sda1,Ebs={SnapshotId=${SnapshotId}}`
    const image = ['--name', 'read-back', '--architecture', 'x86_64', '--root-device-name', '/dev/sda1']
    await aws('ec2', 'register-image', ...image, '--virtualization-type', 'hvm', '--block-device-mappings', mapping)
    const { Images } = await aws('ec2', 'describe-images', '--owners', 'self')
    t.match(Images, [{ Name: 'read-back', BlockDeviceMappings: [{ Ebs: { SnapshotId } }] }])

    const foreign = `${defaultBucketPrefix}-of-someone-else`
    await lab.awsControl('POST', '/accounts/444455556666/buckets', { name: foreign })
    t.match((await importTask(foreign)).StatusMessage, /Disk validation failed \[.*403/)

    const requests = await lab.awsControl<{ operation: string }[]>('GET', '/requests')
    const received = new Set(requests.map(({ operation }) => operation))
    for (const operation of ['PutObject', 'ImportSnapshot', 'GetSnapshotBlock', 'CreateTags', 'RegisterImage'])
      t.ok(received.has(operation), operation)
  },
)

t.test("the connector's account in vCenter holds the documented role, less what is denied", async t => {
  await using lab = await startLab({
    aws: false,
    config: { vms: [{ name: 'web01' }], denyPrivileges: { 'hoist@vsphere.local': ['VApp.Export'] } },
  })
  const { url, connector } = lab.vcenter
  const govc = async (...args: string[]) => {
    const env = {
      GOVC_URL: url,
      GOVC_USERNAME: connector.username,
      GOVC_PASSWORD: connector.password,
      GOVC_INSECURE: '1',
      GOVC_PERSIST_SESSION: 'false',
    }
    return (await promisify(execFile)(tools.govc, args, { env })).stdout
  }
  await govc('snapshot.create', '-vm', 'web01', 's')
  const refused = { message: /Permission to perform this operation was denied/ }
  await t.rejects(govc('export.ovf', '-snapshot', 's', '-vm', 'web01', t.testdir({})), refused)
  await t.rejects(govc('vm.power', '-off', 'web01'), refused)
  await t.rejects(govc('snapshot.revert', '-vm', 'web01', 's'), refused)
  await govc('snapshot.remove', '-vm', 'web01', 's')
  const requests = await lab.vcenterControl<{ method: string; user: string }[]>('GET', '/requests')
  t.ok(requests.some(({ method, user }) => method === 'RemoveSnapshot_Task' && user === connector.username))
})

t.test('a control port that refuses is an error with its status', async t => {
  await using lab = await startLab({ aws: false })
  await t.rejects(lab.vcenterControl('GET', '/nothing-of-this-name'), { name: 'ControlError', message: /404/ })
})

t.test('a wrong config is refused before anything starts', async t => {
  const config = { vms: [{ name: 'a', host: 'x' }], hosts: [{ name: 'y' }] }
  await t.rejects(startLab({ config }), { constructor: LabConfigError, message: /names no host/ })
})

t.test('a lab whose program dies says so', async t => {
  await using lab = await startLab({ aws: false })
  process.kill(lab.pids['lab-vcenter'] as number, 'SIGKILL')
  await t.rejects(lab.died, { message: /lab-vcenter ended with SIGKILL/ })
})

t.test('npm run lab prints one line of JSON and cleans up on SIGTERM', async t => {
  const file = `${t.testdir({ 'lab.json': '{"vms":[{"name":"db01"}]}' })}/lab.json`
  const child = spawn(process.execPath, [script, '--config', file, '--no-aws'], { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stderr.pipe(process.stderr)
  const [line] = (await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), once(child, 'close')])) as [
    string,
  ]
  const endpoints = JSON.parse(line) as LabEndpoints
  t.match(endpoints.vcenter?.thumbprintSha256, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  child.kill('SIGTERM')
  const [status] = (await once(child, 'close')) as [number]
  t.equal(status, 0)
  t.notOk(existsSync(endpoints.directory))
})

t.test('npm run lab names what is wrong with its config and ends with status 1', async t => {
  const file = `${t.testdir({ 'lab.json': '{"vms":[{"name":"db01","disk":[]}]}' })}/lab.json`
  await t.rejects(promisify(execFile)(process.execPath, [script, '--config', file]), {
    code: 1,
    stderr: /\/vms\/0\/disk/,
  })
})
