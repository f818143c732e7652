// Hosts with their certificates, and the datastores of a VM with their free space.

import { ApplianceError } from '../errors.ts'
import { unescapeName } from './places.ts'
import { type ReadOptions, readInventory, readObject, readRelated, textOf, type VimObject } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { reference } from './vim.ts'
import { datastoreOf, disksOf } from './virtual-devices.ts'
import { booleanAt, children, numberAt, type XmlElement } from './xml.ts'

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
const homePaths = ['config.files.vmPathName', 'config.files.snapshotDirectory']
const vmPaths = ['config.hardware.device', ...homePaths]
const hostPaths = ['name', 'runtime.connectionState', 'config.certificate']

/**
 * The datastores that a VM's snapshot grows in: those of its disks and of its home. Not those of an ISO image, of an
 * independent disk or of a physical RDM's pointer, though the VM uses them too: no snapshot writes there.
 * Errors: SERVER_GONE (by vCenter's ManagedObjectNotFound).
 */
export async function datastoresOf(
  session: VcenterSession,
  { serverMoref, ...options }: ReadOptions & { serverMoref: string },
): Promise<Datastore[]> {
  const wanted = { paths: vmPaths, relation: 'datastore', type: 'Datastore', relatedPaths: datastorePaths }
  const { object: vm, related } = await readRelated(session, reference('VirtualMachine', serverMoref), wanted, options)
  const disks = disksOf(children(vm?.properties.get('config.hardware.device'), 'VirtualDevice'))
  const names = new Set(
    disks
      .filter(disk => disk.kind !== 'rdmPhysical' && !disk.mode.startsWith('independent'))
      .map(disk => disk.datastore),
  )
  // Where a delta is put if the VM has a working directory; else it lies with its disk.
  for (const path of homePaths) names.add(datastoreOf((vm && textOf(vm, path)) ?? ''))
  const all = related.map(toDatastore)
  const grown = all.filter(datastore => names.has(unescapeName(datastore.name)))
  // If no name fits (a spelling that we do not know), too many are watched rather than none.
  return grown.length > 0 ? grown : all
}

export async function retrieveHost(session: VcenterSession, moref: string, options: ReadOptions = {}): Promise<Host> {
  return toHost(await readObject(session, reference('HostSystem', moref), hostPaths, options))
}

/** Every host of the inventory. Certificates are long in XML: a page is about 1 MB. */
export async function retrieveHosts(session: VcenterSession, options: ReadOptions = {}): Promise<Host[]> {
  const hosts: Host[] = []
  for await (const page of readInventory(session, { HostSystem: hostPaths }, { ...options, pageSize: 10 }))
    hosts.push(...page.map(toHost))
  return hosts
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
