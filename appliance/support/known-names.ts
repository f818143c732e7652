// Everything that is a name at this site, for a bundle that must not tell them.

import type { NotificationChannel, Server } from '../domain.ts'
import { everyItem } from '../every-item.ts'
import { everyJob } from '../store/jobs.ts'
import type { Store } from '../store/store.ts'
import type { KnownName, NameKind } from './obfuscate.ts'

export interface NamesFrom {
  store: Pick<Store, 'settings' | 'servers' | 'runs' | 'jobs' | 'channels' | 'accounts'>
  hostname: string
}

const pageSize = 500

export async function* knownNames({ store, hostname }: NamesFrom): AsyncGenerator<KnownName> {
  const { settings } = store
  const vcenter = await settings.getVcenter()
  const aws = await settings.getAws()
  const connector = await settings.getConnector()
  const proxy = await settings.getProxy()
  yield* hosts(hostname, withoutPort(vcenter?.host), hostOf(proxy?.url), hostOf(aws?.proxyUrl))
  yield* hosts(...Object.values(aws?.endpoints ?? {}).map(hostOf))
  yield* named('user', vcenter?.username, proxy?.username, aws?.proxyUsername, aws?.importRoleName)
  yield* named('user', ...(await store.accounts.list()).map(account => account.name))
  yield* named('account', connector?.awsAccountId)
  yield* named('bucket', connector?.bucket)
  for (const channel of await store.channels.list()) yield* ofChannel(channel)
  for await (const server of everyItem(after => store.servers.list({ limit: pageSize, after }))) yield* ofServer(server)
  // Servers that have left the catalog.
  for await (const { serverName } of everyJob(store.jobs)) yield* named('server', serverName)
}

function* ofServer({ name, path, hostName, disks, nics }: Server): Generator<KnownName> {
  yield* named('server', name)
  yield* hosts(hostName)
  yield* named('place', ...path.split('/').slice(0, -1).filter(isOwn), ...disks.map(disk => disk.datastore))
  yield* named('network', ...nics.map(nic => nic.network))
}

function* ofChannel({ name, target }: NotificationChannel): Generator<KnownName> {
  yield* named('place', name)
  if (target.kind === 'sns') yield* named('place', target.topicArn.split(':').at(-1))
  if (target.kind === 'webhook') yield* hosts(hostOf(target.url))
  if (target.kind !== 'smtp') return
  yield* hosts(target.host)
  yield* named('user', target.username, target.from, ...target.to)
}

function* hosts(...names: (string | undefined)[]): Generator<KnownName> {
  for (const name of names) {
    // AWS's own endpoints tell the Region, which is wanted; loopback is nobody's.
    if (name === undefined || name === '' || name === 'localhost' || name.endsWith('.amazonaws.com')) continue
    // Addresses are known by their form.
    if (!/^[\d.]+$|:/.test(name)) yield { kind: 'host', name }
  }
}

function* named(kind: NameKind, ...names: (string | undefined)[]): Generator<KnownName> {
  for (const name of names) if (name !== undefined && name !== '' && name !== 'vmimport') yield { kind, name }
}

/** vCenter's own folders are called the same everywhere. */
function isOwn(folder: string): boolean {
  return !['', 'vm', 'Datacenters', 'Discovered virtual machine'].includes(folder)
}

function hostOf(url: string | undefined): string | undefined {
  return URL.parse(url ?? '')?.hostname
}

function withoutPort(host: string | undefined): string | undefined {
  return host?.replace(/:\d+$/, '')
}
