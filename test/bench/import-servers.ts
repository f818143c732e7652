// Our side of the benchmark "catalog": logs in and imports all servers, then prints what it took as JSON.
import { createHash } from 'node:crypto'
import { retrieveServers } from '../../appliance/vsphere/inventory.ts'
import { VcenterSession } from '../../appliance/vsphere/session.ts'

const { host, username, password, certificatePem } = JSON.parse(process.env.BENCH_VCENTER ?? '{}')
const began = performance.now()
const before = process.cpuUsage()
const session = await VcenterSession.open({ host, username, password, trust: { kind: 'pinned', certificatePem } })
const identities: string[] = []
for await (const page of retrieveServers(session)) identities.push(...page.map(server => server.id))
const wallSeconds = (performance.now() - began) / 1000
const { user, system } = process.cpuUsage(before)
await session.close()
process.stdout.write(
  JSON.stringify({
    servers: identities.length,
    identities: createHash('sha256').update(identities.toSorted().join('\n')).digest('hex'),
    wallSeconds: Number(wallSeconds.toFixed(3)),
    cpuSeconds: Number(((user + system) / 1e6).toFixed(3)),
  }),
)
