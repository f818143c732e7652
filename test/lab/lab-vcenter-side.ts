// Starts the lab's vCenter.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { requiredPrivileges } from '../../appliance/vsphere/privileges.ts'
import type { LabConfig } from './lab-config.ts'
import { type LabProcess, readyLine, startProcess } from './lab-process.ts'
import { tools } from './tools.ts'

export interface VcenterAccount {
  username: string
  password: string
}

export interface VcenterEndpoints {
  /** `127.0.0.1:PORT`. */
  host: string
  /** The SOAP endpoint. */
  url: string
  /** Holds every privilege. */
  admin: VcenterAccount
  /** Holds exactly the privileges of the documented role. */
  connector: VcenterAccount
  thumbprintSha256: string
  thumbprintSha1: string
  certificatePem: string
  wsdl: string
  control: string
  /** The ESXi hosts; with `nfc.hostUrls` each has an address and a certificate of its own. */
  hosts: { name: string; address?: string; thumbprintSha256: string }[]
}

export async function startVcenter(
  config: LabConfig,
  directory: string,
  started: LabProcess[],
  signal?: AbortSignal,
): Promise<VcenterEndpoints> {
  const file = join(directory, 'vcenter.json')
  const { accounts } = config
  const documented = requiredPrivileges.map(({ id }) => id)
  const connector = { privileges: documented, ...accounts?.connector }
  await writeFile(file, JSON.stringify({ ...config, accounts: { ...accounts, connector } }), { mode: 0o600 })
  const running = await startProcess(
    {
      name: 'lab-vcenter',
      program: tools.labVcenter,
      args: ['--config', file, '--state', join(directory, 'vcenter')],
      signal,
    },
    readyLine<VcenterEndpoints>,
  )
  started.push(running.process)
  return running.ready
}
