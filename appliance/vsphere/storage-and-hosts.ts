// Hosts with their certificates, and datastores with their free space.

import { ApplianceError } from '../errors.ts'
import { type ReadOptions, readInventory, readObject, textOf, type VimObject } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { reference } from './vim.ts'
import { booleanAt, numberAt, type XmlElement } from './xml.ts'

export interface Datastore {
  moref: string
  name: string
  /** `VMFS`, `NFS`, `NFS41`, `vsan`, `VVOL`. */
  type: string
  capacityBytes: number
  freeBytes: number
  accessible: boolean
}

export interface Host {
  moref: string
  name: string
  connected: boolean
  /** The certificate that the host itself serves (NFC, `/folder`), as vCenter knows it; absent if vCenter knows none. */
  certificatePem?: string
}

const datastorePaths = ['summary.name', 'summary.type', 'summary.capacity', 'summary.freeSpace', 'summary.accessible']
const hostPaths = ['name', 'runtime.connectionState', 'config.certificate']
const pageSize = 500

export async function retrieveDatastores(session: VcenterSession, options: ReadOptions = {}): Promise<Datastore[]> {
  const found: Datastore[] = []
  for await (const page of readInventory(session, { Datastore: datastorePaths }, { ...options, pageSize })) {
    found.push(...page.map(toDatastore))
  }
  return found
}

export async function retrieveHosts(session: VcenterSession, options: ReadOptions = {}): Promise<Host[]> {
  const found: Host[] = []
  for await (const page of readInventory(session, { HostSystem: hostPaths }, { ...options, pageSize })) {
    found.push(...page.map(toHost))
  }
  return found
}

export async function retrieveHost(session: VcenterSession, moref: string, options: ReadOptions = {}): Promise<Host> {
  return toHost(await readObject(session, reference('HostSystem', moref), hostPaths, options))
}

function toDatastore(object: VimObject): Datastore {
  return {
    moref: object.moref,
    name: textOf(object, 'summary.name') ?? object.moref,
    type: textOf(object, 'summary.type') ?? '',
    capacityBytes: numberAt(object.properties.get('summary.capacity')) ?? 0,
    freeBytes: numberAt(object.properties.get('summary.freeSpace')) ?? 0,
    accessible: booleanAt(object.properties.get('summary.accessible')),
  }
}

function toHost(object: VimObject): Host {
  const certificate = object.properties.get('config.certificate')
  const certificatePem = certificate && pemOf(certificate)
  return {
    moref: object.moref,
    name: textOf(object, 'name') ?? object.moref,
    connected: textOf(object, 'runtime.connectionState') === 'connected',
    ...(certificatePem ? { certificatePem } : {}),
  }
}

/** `config.certificate` is the PEM text as an ArrayOfByte: one element for each signed byte. */
function pemOf(certificate: XmlElement): string {
  const bytes = certificate.children.map(byte => Number(byte.text) & 0xff)
  const text = Buffer.from(bytes).toString('latin1')
  if (text === '') return ''
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new ApplianceError('VCENTER_PROTOCOL', "A host's certificate does not arrive as PEM", {
    hint: 'Report this with the version of vCenter.',
  })
}
