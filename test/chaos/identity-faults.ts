// Faults that question who the connector is: another holds its lease, there are two of it, or its memory is an older one.
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { becomes, type Ground } from './ground.ts'
import type { Site } from './site.ts'

/** A connector notices at the latest when it renews its lease; this is many times that. */
const noticeLimitMs = 8000
const idleLimitMs = 60_000
/** Requests that were under way when a process was stopped are through by then. */
const settleMs = 700

interface ConnectorView {
  state: string
  readOnlyReason?: string
}

interface Caller {
  call<T>(method: string, path: string, body?: unknown): Promise<T>
}

async function isReadOnly(caller: Caller): Promise<boolean> {
  try {
    return (await caller.call<ConnectorView>('GET', '/api/connector')).state === 'readOnly'
  } catch {
    return false // it may be just starting: whoever waits gives up in the end
  }
}

const takeOver = (caller: Caller) => caller.call('POST', '/api/connector/decision', { decision: 'takeOver' })

/** What changes nothing outside, by the names of the operations. */
const readingAws = /^(Get|Head|List|Describe|Simulate|AssumeRole)/
const changingVcenter =
  /_Task$|^Export|^HttpNfc|^(Register|Update|Unregister)Extension$|^(GET|PUT|POST)$|^SetCustom|^SetTask|^CreateTask$/

/** Begins to listen to the lab; the function then names every request since that changed something. */
async function listen({ lab }: Site): Promise<() => Promise<string[]>> {
  interface AwsEntry {
    id: number
    operation: string
  }
  interface VcenterEntry {
    number: number
    method: string
  }
  const aws = (await lab.awsControl<AwsEntry[]>('GET', '/requests')).at(-1)?.id ?? 0
  const vcenter = (await lab.vcenterControl<VcenterEntry[]>('GET', '/requests')).at(-1)?.number ?? 0
  return async () => [
    ...(await lab.awsControl<AwsEntry[]>('GET', `/requests?since=${aws}`))
      .map(entry => entry.operation)
      .filter(operation => !readingAws.test(operation)),
    ...(await lab.vcenterControl<VcenterEntry[]>('GET', `/requests?since=${vcenter}`))
      .map(entry => entry.method)
      .filter(method => changingVcenter.test(method)),
  ]
}

/** Another machine has taken the connector's lease; an administrator gives it back. */
export async function connectorLeaseLost({ site, watcher, witness, random, release, problem }: Ground): Promise<void> {
  const { objects } = await witness.inventory(site.lab)
  const object = objects.find(one => one.endsWith('connector/lease.json'))
  if (object === undefined) throw new Error(`There is no lease among ${objects}`)
  const lease = JSON.parse(await witness.getObject(site.lab, object))
  const stolen = { ...lease, machineId: 'thief', epoch: lease.epoch + 1, renewedAt: new Date().toISOString() }
  await witness.putObject(site.lab, object, JSON.stringify(stolen))
  site.tell('the lease is another machine’s')
  await release()
  if (!(await becomes(noticeLimitMs, () => isReadOnly(site))))
    return problem('the appliance went on although another machine holds the lease')
  site.tell('read-only')
  await sleep(settleMs)
  const changes = await listen(site)
  await sleep(random.integer(500, 1500))
  for (const change of await changes()) problem(`read-only, the appliance did ${change}`)
  await takeOver(site)
  site.tell(`taken over; ${watcher.active.length} runs active`)
}

/** The appliance's VM was copied, and the copy is started. */
export async function cloned(ground: Ground): Promise<void> {
  if (ground.random.chance(0.6)) await cloneBesideOriginal(ground)
  else await cloneInPlaceOfOriginal(ground)
}

/** The original works on; what happens while it is halted is the clone's doing. */
async function cloneBesideOriginal({ site, random, release, problem, atEnd }: Ground): Promise<void> {
  const { pid } = site.appliance
  process.kill(pid, 'SIGSTOP')
  try {
    const copy = join(site.directory, 'clone')
    await cp(site.dataDir, copy, { recursive: true })
    await release()
    await sleep(settleMs)
    const changes = await listen(site)
    const clone = await site.startOther(copy, 'clone')
    atEnd(() => clone.stop())
    site.tell('a clone has started, the original is halted')
    if (!(await becomes(noticeLimitMs, () => isReadOnly(clone)))) problem('the clone is not read-only')
    await sleep(random.integer(500, 1500))
    for (const change of await changes()) problem(`the clone did ${change}`)
  } finally {
    process.kill(pid, 'SIGCONT')
    site.tell('the original goes on')
  }
}

/** The original is off; the copy is told to be the one, and when the original comes back it must keep still. */
async function cloneInPlaceOfOriginal({ site, random, release, problem, atEnd }: Ground): Promise<void> {
  await site.kill()
  await release()
  const { dataDir } = site
  const copy = join(site.directory, 'clone')
  await cp(dataDir, copy, { recursive: true })
  await sleep(settleMs)
  const changes = await listen(site)
  site.dataDir = copy
  site.machineId = 'clone'
  await site.start()
  site.tell('a clone has started in the place of the original')
  if (!(await becomes(noticeLimitMs, () => isReadOnly(site)))) return problem('the clone is not read-only')
  await sleep(random.integer(300, 1000))
  for (const change of await changes()) problem(`the clone did ${change}`)
  await takeOver(site)
  site.tell('the clone has taken over')
  await sleep(random.integer(0, 1000))
  const original = await site.startOther(dataDir, 'original')
  atEnd(() => original.stop())
  if (!(await becomes(noticeLimitMs, () => isReadOnly(original))))
    problem('the original is not read-only after its clone took over')
}

/** A backup of the database comes back, from before runs that have made images. */
export async function restored({ site, watcher, witness, random, release, problem, mustStay }: Ground): Promise<void> {
  const backup = join(site.directory, 'backup')
  if (random.chance(0.5)) await site.terminate()
  else await site.kill()
  await release()
  await site.copyDatabase(backup)
  const orderedBefore = [...watcher.ordered]
  await site.start()
  site.tell('database copied')
  const ended = () => becomes(idleLimitMs, async () => watcher.idle)
  if (!(await ended())) return problem('the runs did not end')
  for (let count = random.integer(1, 2); count > 0; count--) {
    const job = random.pick(watcher.jobs)
    await watcher.order(job.id).catch(error => site.tell(`no further run: ${error}`))
  }
  if (random.chance(0.5)) await ended()
  else await sleep(random.integer(0, 3000))

  await site.kill()
  await sleep(settleMs)
  const before = await witness.inventory(site.lab)
  mustStay.push(...before.images)
  watcher.forget(orderedBefore)
  await site.replaceDatabase(backup)
  const changes = await listen(site)
  await site.start()
  site.tell(`database restored from the copy; ${before.images.length} images stand`)
  if (!(await becomes(noticeLimitMs, () => isReadOnly(site))))
    return problem('on an old database the appliance is not read-only')
  await sleep(random.integer(500, 1500))
  for (const change of await changes()) problem(`on an old database, read-only, the appliance did ${change}`)
  await takeOver(site)
  site.tell('taken over')
}
