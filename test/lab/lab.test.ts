import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { type LabEndpoints, startLab } from './lab.ts'
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

t.test('only the side that is asked for is started', async t => {
  await using lab = await startLab({ aws: false })
  t.strictSame(Object.keys(lab.pids), ['lab-vcenter'])
  t.throws(() => lab.aws, { message: /without this side/ })
})

t.test('the AWS command line works on the lab, by account, and refuses what the policy does not allow', async t => {
  await using lab = await startLab({ vcenter: false })
  const { endpoint, region, admin, connector, accountId } = lab.aws
  const aws = async (key: typeof admin, ...args: string[]) => {
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
  t.equal(JSON.parse(await aws(admin, 'sts', 'get-caller-identity')).Account, accountId)
  await aws(admin, 's3', 'mb', 's3://some-bucket')
  t.match(await aws(admin, 's3api', 'list-buckets'), /some-bucket/)
  t.strictSame(JSON.parse(await aws(admin, 'ec2', 'describe-snapshots', '--owner-ids', 'self')).Snapshots, [])
  await t.rejects(aws(connector, 's3api', 'delete-bucket', '--bucket', 'some-bucket'), { message: /AccessDenied/ })
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
