// A lab's vCenter for a test file, and sessions with it under the documented role.

import type { Test } from 'tap'
import type { Server } from '../../appliance/domain.ts'
import { retrieveServers } from '../../appliance/vsphere/inventory.ts'
import { type SessionOptions, VcenterSession } from '../../appliance/vsphere/session.ts'
import { type Lab, type LabConfig, startLab } from '../lab/lab.ts'

export const mebibyte = 1024 * 1024

export interface VcenterLab {
  lab: Lab
  /** Opens a session as the account `hoist`, closed with the test. */
  connect(options?: Partial<SessionOptions>): Promise<VcenterSession>
  /** Orders a fault; `times` 1 unless told. */
  fault(order: { kind: string; [name: string]: unknown }): Promise<number>
  clearFaults(): Promise<void>
  /** SOAP methods that vCenter has received since the last call of this. */
  receivedMethods(): Promise<string[]>
}

interface ReceivedRequest {
  number: number
  method: string
}

/** Starts a vCenter; it stops when the test ends. */
export async function startVcenterLab(t: Test, config: LabConfig): Promise<VcenterLab> {
  const lab = await startLab({ config, aws: false })
  t.teardown(() => lab.stop())
  let seen = 0
  return {
    lab,
    async connect(options = {}) {
      const { host, connector, certificatePem } = lab.vcenter
      const session = await VcenterSession.open({
        host,
        ...connector,
        trust: { kind: 'pinned', certificatePem },
        ...options,
      })
      t.teardown(() => session.close())
      return session
    },
    async fault(order) {
      return (await lab.vcenterControl<{ id: number }>('POST', '/faults', order)).id
    },
    async clearFaults() {
      await lab.vcenterControl('DELETE', '/faults')
    },
    async receivedMethods() {
      const requests = await lab.vcenterControl<ReceivedRequest[]>('GET', `/requests?since=${seen}`)
      seen = Math.max(seen, ...requests.map(request => request.number))
      return requests.map(request => request.method)
    },
  }
}

/** The server of that name, by a full import. */
export async function serverNamed(session: VcenterSession, name: string): Promise<Server> {
  for await (const page of retrieveServers(session)) {
    const server = page.find(candidate => candidate.name === name)
    if (server) return server
  }
  throw new Error(`the lab has no server ${name}`)
}
