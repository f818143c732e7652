// What the connector left in vCenter: the VM snapshots that carry its mark.

import { snapshotNodes } from './inventory.ts'
import { unescapeName } from './places.ts'
import { type ReadOptions, readInventory, readObject, textOf } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { parseSnapshotMark, vmSnapshotName } from './snapshot-mark.ts'
import { reference } from './vim.ts'
import { textAt, type XmlElement } from './xml.ts'

export interface MarkedSnapshot {
  serverMoref: string
  serverName: string
  snapshotMoref: string
  /** The snapshot's. */
  name: string
  runId: string
  jobId: string
  createdAt: string
  /** By vCenter's own clock, which also made `createdAt`: ours may differ. */
  ageMs: number
}

/** Most VMs have no snapshot: a page is some 150 KB of XML. */
const pageSize = 500

/**
 * All snapshots in the whole inventory that this connector made, oldest first. Name and description must both be exactly
 * as it wrote them: one that a person renamed or wrote a note on is theirs from then on, and another connector's never matches.
 */
export async function findMarkedSnapshots(
  session: VcenterSession,
  { connectorId, ...options }: ReadOptions & { connectorId: string },
): Promise<MarkedSnapshot[]> {
  const found: MarkedSnapshot[] = []
  for await (const page of readInventory(session, { VirtualMachine: ['name', 'snapshot'] }, { ...options, pageSize })) {
    for (const vm of page) {
      const serverName = unescapeName(textOf(vm, 'name') ?? vm.moref)
      for (const node of snapshotNodes(vm.properties.get('snapshot'))) {
        const ours = readMarked(node, connectorId)
        if (ours) found.push({ serverMoref: vm.moref, serverName, ...ours, ageMs: 0 })
      }
    }
  }
  if (found.length === 0) return []
  const now = await currentTimeMs(session, options)
  for (const one of found) one.ageMs = Math.max(0, now - Date.parse(one.createdAt))
  return found.sort((a, b) => b.ageMs - a.ageMs)
}

function readMarked(
  node: XmlElement,
  connectorId: string,
): Pick<MarkedSnapshot, 'snapshotMoref' | 'name' | 'runId' | 'jobId' | 'createdAt'> | undefined {
  const owner = parseSnapshotMark(textAt(node, 'description') ?? '')
  const name = unescapeName(textAt(node, 'name') ?? '')
  const snapshotMoref = textAt(node, 'snapshot')
  if (owner?.connectorId !== connectorId || name !== vmSnapshotName(owner.runId) || !snapshotMoref) return undefined
  return { snapshotMoref, name, runId: owner.runId, jobId: owner.jobId, createdAt: textAt(node, 'createTime') ?? '' }
}

/** The snapshots of one server that this connector made. */
export async function findMarkedSnapshotsOf(
  session: VcenterSession,
  { connectorId, serverMoref, ...options }: ReadOptions & { connectorId: string; serverMoref: string },
): Promise<{ snapshotMoref: string; runId: string }[]> {
  const vm = await readObject(session, reference('VirtualMachine', serverMoref), ['snapshot'], options)
  return snapshotNodes(vm.properties.get('snapshot')).flatMap(node => readMarked(node, connectorId) ?? [])
}

async function currentTimeMs(session: VcenterSession, options: ReadOptions): Promise<number> {
  const answer = await session.call('CurrentTime', { _this: reference('ServiceInstance', 'ServiceInstance') }, options)
  return Date.parse(textAt(answer, 'returnval') ?? '')
}
