// Faults of what is outside: the network, vCenter and AWS.
import { setTimeout as sleep } from 'node:timers/promises'
import { becomes, type Ground } from './ground.ts'
import type { Wire } from './wire.ts'

/** Of the lab without a config for datastores. */
const datastore = 'vmfs1'
/** A run must be ended, and its VM snapshot removed, "at once". */
const guardLimitMs = 5000

const awsOperations = [
  '',
  '',
  'CreateMultipartUpload',
  'UploadPart',
  'UploadPart',
  'CompleteMultipartUpload',
  'ImportSnapshot',
  'DescribeImportSnapshotTasks',
  'DescribeSnapshots',
  'CreateTags',
  'DeleteObject',
  'RegisterImage',
  'DescribeImages',
]
const awsRefusals: Record<'s3' | 'ec2', { code: string; message: string; statusCode: number }[]> = {
  s3: [
    { code: 'InternalError', message: 'We encountered an internal error. Please try again.', statusCode: 500 },
    { code: 'ServiceUnavailable', message: 'Service is unable to handle request.', statusCode: 503 },
    { code: 'SlowDown', message: 'Please reduce your request rate.', statusCode: 503 },
  ],
  ec2: [
    { code: 'InternalError', message: 'An internal error has occurred', statusCode: 500 },
    { code: 'Unavailable', message: 'The service is unavailable. Please try again shortly.', statusCode: 503 },
    { code: 'RequestLimitExceeded', message: 'Request limit exceeded.', statusCode: 503 },
  ],
}

function someWires({ site, random }: Ground): Wire[] {
  return random.pick([[site.vcenter], [site.aws], [site.vcenter, site.aws]])
}

function names({ site }: Ground, wires: Wire[]): string {
  return wires.map(wire => (wire === site.vcenter ? 'vCenter' : 'AWS')).join(' and ')
}

export async function reset(ground: Ground): Promise<void> {
  const { site, random } = ground
  const wires = someWires(ground)
  for (let times = random.integer(1, 4); times > 0; times--) {
    const cut = wires.reduce((sum, wire) => sum + wire.cut(), 0)
    site.tell(`${cut} connections to ${names(ground, wires)} reset`)
    await sleep(random.integer(20, 600))
  }
}

/** Carried out, and nobody is told. */
export async function answerLost({ site, random }: Ground): Promise<void> {
  const ids: number[] = []
  for (let count = random.integer(1, 3); count > 0; count--) {
    const fault = { kind: 'loseAnswer', operation: random.pick(awsOperations), skip: random.integer(0, 2) }
    ids.push((await site.lab.awsControl<{ id: number }>('POST', '/faults', fault)).id)
    site.tell(`the answer to ${fault.operation || 'any request'} will be lost`)
  }
  await sleep(3000)
  for (const id of ids) await site.lab.awsControl('DELETE', `/faults/${id}`)
}

/** 30 s against time-outs of two minutes are scaled to a few seconds against one of a second: harder than in life. */
export async function blackHole(ground: Ground): Promise<void> {
  const { site, random } = ground
  const wires = someWires(ground)
  for (const wire of wires) wire.swallow()
  site.tell(`black hole towards ${names(ground, wires)}`)
  await sleep(random.integer(700, 4000))
  for (const wire of wires) wire.passOn()
  site.tell('black hole over')
}

export async function sessionEnded({ site, random }: Ground): Promise<void> {
  for (let times = random.integer(1, 2); times > 0; times--) {
    await site.lab.vcenterControl('POST', '/faults', { kind: 'sessionEnd' })
    site.tell('vCenter sessions ended')
    await sleep(random.integer(50, 1500))
  }
}

/** Minutes, scaled to seconds. Mostly it has forgotten its sessions when it is back, as after a restart. */
export async function vcenterAway({ site, random }: Ground): Promise<void> {
  await site.vcenter.goAway()
  site.tell('vCenter away')
  await sleep(random.integer(1000, 5000))
  if (random.chance(0.6)) await site.lab.vcenterControl('POST', '/faults', { kind: 'sessionEnd' })
  await site.vcenter.comeBack()
  site.tell('vCenter back')
}

export async function awsErrors({ site, random }: Ground): Promise<void> {
  const ids: number[] = []
  for (let count = random.integer(1, 4); count > 0; count--) {
    const service = random.pick(['s3', 'ec2'] as const)
    const refusal = random.pick(awsRefusals[service])
    const times = random.chance(0.8) ? random.integer(1, 4) : 15
    const fault = { kind: 'error', service, operation: random.pick(awsOperations), ...refusal, times }
    ids.push((await site.lab.awsControl<{ id: number }>('POST', '/faults', fault)).id)
    site.tell(`${service} ${fault.operation || 'anything'}: ${times} times ${refusal.code}`)
  }
  await sleep(random.integer(1000, 4000))
  for (const id of ids) await site.lab.awsControl('DELETE', `/faults/${id}`)
}

/** The old key stays expired; an administrator enters a new one. */
export async function credentialsExpired({ site, random, witness, release }: Ground): Promise<void> {
  const { accessKeyId } = site.credentials
  await site.lab.awsControl('POST', '/faults', { kind: 'expiredToken', accessKey: accessKeyId, times: -1 })
  site.tell('credentials expired')
  await release()
  await sleep(random.integer(500, 4000))
  await site.enterCredentials(await witness.newKey(site.lab, 'connector'))
  site.tell('credentials renewed')
}

/** vCenter ends the export leases that are open; without one, the next. */
export async function leaseLost({ site }: Ground): Promise<void> {
  const { struck } = await site.lab.vcenterControl<{ struck: number }>('POST', '/faults', { kind: 'leaseLost' })
  site.tell(`${struck} export leases lost`)
  if (struck === 0) await site.lab.vcenterControl('POST', '/faults', { kind: 'leaseExpire' })
}

/** No VM snapshot of ours may stay open there meanwhile: production VMs would halt. */
export async function datastoreFull({ site, random, release, problem }: Ground): Promise<void> {
  const loudly = random.chance(0.5)
  const path = `/datastores/${datastore}/free`
  const before = 10 * 2 ** 40
  const freeBytes = random.integer(0, 2 ** 30)
  const fault = loudly
    ? await site.lab.vcenterControl<{ id: number }>('POST', '/faults', { kind: 'datastoreFull', datastore, freeBytes })
    : await site.lab.vcenterControl('POST', path, { freeBytes }).then(() => undefined)
  site.tell(`datastore full${loudly ? '' : ', and vCenter has not noticed'}`)
  await release()
  const open = async () => {
    const { snapshots } = await site.lab.vcenterControl<{ snapshots: Record<string, unknown> }>('GET', '/state')
    return Object.keys(snapshots)
  }
  const wereOpen = await open()
  if (wereOpen.length > 0) {
    const gone = await becomes(guardLimitMs, async () => (await open()).length === 0)
    if (!gone) problem(`snapshots of ${await open()} stayed open in a full datastore for ${guardLimitMs / 1000} s`)
  }
  await sleep(random.integer(300, 2000))
  if (fault) await site.lab.vcenterControl('DELETE', `/faults/${fault.id}`)
  else await site.lab.vcenterControl('POST', path, { freeBytes: before })
  site.tell('datastore has room')
}
