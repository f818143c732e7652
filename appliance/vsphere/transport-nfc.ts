// Disks by NFC: an export lease of a snapshot (or of a powered-off VM), kept alive while its files are read.

import type { CertificateTrust } from '../domain.ts'
import { ApplianceError } from '../errors.ts'
import { parseHost } from './certificate.ts'
import { asCode, isFault, localizedFault } from './faults.ts'
import { type ExportedFile, matchDisks } from './nfc-files.ts'
import { openNfcStream } from './nfc-stream.ts'
import { readObject, textOf } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { retrieveHost } from './storage-and-hosts.ts'
import { pause, pauses, returnedReference } from './task.ts'
import { type Reference, reference } from './vim.ts'
import { diskAddresses } from './virtual-devices.ts'
import { children, numberAt, textAt, type XmlElement } from './xml.ts'

export interface ExportRequest {
  vmMoref: string
  /** For messages; the moref if absent. */
  serverName?: string
  /** The snapshot to export; absent exports the VM itself, which must be powered off. */
  snapshotMoref?: string
  signal: AbortSignal
  /** How often the lease is told that we are alive, milliseconds. vCenter ends it after 300 s of silence. */
  progressMs?: number
  /** Longest time without a byte of a file while we wait for one, milliseconds. */
  stallMs?: number
}

/** One disk of an export. */
export interface ExportedDisk {
  /** VirtualDevice.key. */
  diskKey: number
  /** The key of the lease's device URL, which the manifest names its entries by. */
  deviceUrlKey: string
  targetId: string
  /** vCenter's guess at the size of the stream, bytes; 0 if it has none. */
  sizeHintBytes: number
  /** The streamOptimized VMDK from its start; each call is a new transfer. Errors: see nfc-stream.ts, NFC_LEASE_LOST. */
  open(signal: AbortSignal): Promise<AsyncIterable<Buffer>>
}

/** What the host says about a file that it has sent. */
export interface ManifestEntry {
  key: string
  sha1: string
  checksum?: string
  /** `sha1`, `sha256` or `sha512`; absent means sha1. */
  checksumType?: string
  /** Bytes of the stream. */
  sizeBytes: number
  /** Bytes of the disk, if the host tells. */
  capacityBytes?: number
}

export interface ExportLease {
  moref: string
  disks: ExportedDisk[]
  /** Aborted with NFC_LEASE_LOST when the lease has ended before `complete`: nothing more can be read. */
  lost: AbortSignal
  /** Percent done, 0 to 100: what vCenter's task shows. Sent with the next sign of life. */
  progress(percent: number): void
  /** The host's own checksums of what it sent: ask after the last byte, before `complete`. */
  manifest(): Promise<ManifestEntry[]>
  /** Ends the lease well. Errors: NFC_LEASE_LOST. */
  complete(): Promise<void>
  /** Ends the lease after a failure. Never throws: a lease that cannot be reached ends by its own time-out. */
  abort(reason: string): Promise<void>
}

const defaultProgressMs = 30_000
const defaultStallMs = 120_000
const readyTimeoutMs = 10 * 60_000
/** A lease is ready within a second or so, and all that time the VM runs on its snapshot for nothing. */
const leasePauses = { firstMs: 20, longestMs: 250 }
const abortTimeoutMs = 30_000
const leaseHint = 'The host or vCenter ended the export: see the events of the server, then start the run again.'

/**
 * Starts an export and waits until its files can be read. The caller ends it by `complete` or `abort`.
 * Errors: NFC_LEASE_LOST, NFC_DISK_UNKNOWN, NFC_HOST_UNTRUSTED, SERVER_GONE, SERVER_BUSY, VCENTER_PERMISSION_MISSING.
 */
export async function exportVm(session: VcenterSession, request: ExportRequest): Promise<ExportLease> {
  const { vmMoref, snapshotMoref, serverName = vmMoref, signal } = request
  const source =
    snapshotMoref === undefined
      ? reference('VirtualMachine', vmMoref)
      : reference('VirtualMachineSnapshot', snapshotMoref)
  const answer = await session.call(snapshotMoref === undefined ? 'ExportVm' : 'ExportSnapshot', { _this: source }, {})
  const lease = returnedReference(answer, 'HttpNfcLease')
  try {
    signal.throwIfAborted()
    const info = await waitUntilReady(session, lease, serverName, signal)
    const vm = await readObject(session, reference('VirtualMachine', vmMoref), ['runtime.host'], { signal })
    const devices = await readObject(session, source, ['config.hardware.device'], { signal })
    const addresses = diskAddresses(children(devices.properties.get('config.hardware.device'), 'VirtualDevice'))
    const files = matchDisks(children(info, 'deviceUrl'), addresses, { serverName, connectedHost: session.host })
    const trustOf = await trustIn(session, textOf(vm, 'runtime.host') ?? '', files, signal)
    return holdLease(session, lease, request, files, trustOf)
  } catch (error) {
    await abortLease(session, lease, 'the connector could not begin to read')
    throw error
  }
}

async function waitUntilReady(
  session: VcenterSession,
  lease: Reference,
  serverName: string,
  signal: AbortSignal,
): Promise<XmlElement | undefined> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(readyTimeoutMs)])
  for (const pauseMs of pauses(leasePauses)) {
    const seen = await readObject(session, lease, ['state', 'error', 'info'], { signal: ends }).catch(error => {
      throw isFault(error, 'ManagedObjectNotFound') ? asCode(error, 'NFC_LEASE_LOST', leaseHint) : error
    })
    const state = textOf(seen, 'state')
    if (state === 'ready') return seen.properties.get('info')
    if (state !== 'initializing') throw leaseLost(serverName, state, seen.properties.get('error'))
    await pause(pauseMs, ends)
  }
  return undefined
}

function leaseLost(serverName: string, state: string | undefined, error: XmlElement | undefined): ApplianceError {
  const doing = `The export of ${serverName}`
  if (error) return asCode(localizedFault(doing, error), 'NFC_LEASE_LOST', leaseHint)
  return new ApplianceError('NFC_LEASE_LOST', `${doing} ended: its lease is ${state ?? 'gone'}`, { hint: leaseHint })
}

/** Keeps a ready lease alive and gives it its verbs. */
function holdLease(
  session: VcenterSession,
  lease: Reference,
  { serverName, vmMoref, progressMs = defaultProgressMs, stallMs = defaultStallMs }: ExportRequest,
  files: ExportedFile[],
  trustOf: (url: URL) => CertificateTrust,
): ExportLease {
  const name = serverName ?? vmMoref
  const lost = new AbortController()
  let percent = 0
  let ended = false
  let beating = false
  const beat = async () => {
    if (beating) return
    beating = true
    try {
      await session.call('HttpNfcLeaseProgress', { _this: lease, percent })
    } catch (error) {
      // Without an answer the next beat tries again, long before the time-out. A fault makes us look at the lease itself.
      const end = isFault(error) ? await findEnd() : undefined
      if (end && !ended) lost.abort(end)
    } finally {
      beating = false
    }
  }
  const timer = setInterval(() => void beat(), progressMs)
  timer.unref()

  /** Why the lease has ended; undefined if it has not. vCenter keeps the reason on the lease for a while. */
  const findEnd = async (): Promise<ApplianceError | undefined> => {
    try {
      const seen = await readObject(session, lease, ['state', 'error'])
      const state = textOf(seen, 'state')
      return state === 'ready' ? undefined : leaseLost(name, state, seen.properties.get('error'))
    } catch (error) {
      if (isFault(error))
        return asCode(error, 'NFC_LEASE_LOST', leaseHint, `The export of ${name} ended: ${error.message}`)
      // vCenter does not answer: whether the lease has ended is unknown, and the first error is the one to show.
      return undefined
    }
  }

  const disks = files.map(
    (file): ExportedDisk => ({
      diskKey: file.diskKey,
      deviceUrlKey: file.deviceUrlKey,
      targetId: file.targetId,
      sizeHintBytes: file.sizeHintBytes,
      async open(signal) {
        // vCenter's cookie is for vCenter: a host authorizes the transfer by the ticket in the URL.
        const cookie = isVcenter(session, file.url) ? session.soap.cookie : undefined
        const what = `Disk ${file.diskKey} of ${name}`
        const source = { url: file.url, trust: trustOf(file.url), what, stallMs, ...(cookie ? { cookie } : {}) }
        try {
          return named(await openNfcStream(source, AbortSignal.any([signal, lost.signal])), findEnd)
        } catch (error) {
          throw await explainBreak(error, findEnd)
        }
      },
    }),
  )

  return {
    moref: lease.moref,
    disks,
    lost: lost.signal,
    progress(value) {
      percent = Math.max(0, Math.min(100, Math.floor(value)))
    },
    async manifest() {
      try {
        return readManifest(await session.call('HttpNfcLeaseGetManifest', { _this: lease }))
      } catch (error) {
        throw (isFault(error) && (await findEnd())) || error
      }
    },
    async complete() {
      ended = true
      clearInterval(timer)
      try {
        await session.call('HttpNfcLeaseProgress', { _this: lease, percent: 100 })
        await session.call('HttpNfcLeaseComplete', { _this: lease })
      } catch (error) {
        const end = isFault(error) ? await findEnd() : undefined
        // Nothing keeps it alive any more, and until its time-out it would be in the way of the snapshot's removal.
        if (!end) await abortLease(session, lease, 'the export could not be completed')
        throw end ?? error
      }
    },
    async abort(reason) {
      if (ended) return
      ended = true
      clearInterval(timer)
      lost.abort(
        new ApplianceError('NFC_LEASE_LOST', `The export of ${name} was aborted: ${reason}`, { hint: leaseHint }),
      )
      await abortLease(session, lease, reason)
    },
  }
}

function isVcenter(session: VcenterSession, url: URL): boolean {
  const { hostname, port } = parseHost(url.host)
  return hostname === session.soap.address.hostname && port === session.soap.address.port
}

/**
 * Whom to trust for each URL: vCenter by what the user accepted, and the VM's host by the certificate that vCenter holds
 * for it, read over the pinned session. The lease's own `sslThumbprint` is not used: it is a SHA-1, and may be empty.
 */
async function trustIn(
  session: VcenterSession,
  hostMoref: string,
  files: readonly ExportedFile[],
  signal: AbortSignal,
): Promise<(url: URL) => CertificateTrust> {
  const elsewhere = files.find(file => !isVcenter(session, file.url))
  if (!elsewhere) return () => session.soap.trust
  const { certificatePem, name } = await retrieveHost(session, hostMoref, { signal })
  if (certificatePem === undefined) {
    throw new ApplianceError('NFC_HOST_UNTRUSTED', `vCenter holds no certificate of ${name} (${elsewhere.url.host})`, {
      hint: 'Reconnect the host in vCenter, which makes it read the certificate again.',
    })
  }
  const ofHost: CertificateTrust = { kind: 'pinned', certificatePem }
  return url => (isVcenter(session, url) ? session.soap.trust : ofHost)
}

type FindEnd = () => Promise<ApplianceError | undefined>

/** When a transfer breaks, the lease may be why: then that is the error to show. */
async function explainBreak(error: unknown, findEnd: FindEnd): Promise<unknown> {
  const mayBeLease =
    error instanceof ApplianceError && (error.code === 'NFC_INTERRUPTED' || error.code === 'NFC_REFUSED')
  return (mayBeLease && (await findEnd())) || error
}

async function* named(bytes: AsyncIterable<Buffer>, findEnd: FindEnd): AsyncGenerator<Buffer> {
  try {
    yield* bytes
  } catch (error) {
    throw await explainBreak(error, findEnd)
  }
}

async function abortLease(session: VcenterSession, lease: Reference, reason: string): Promise<void> {
  const fault = { fault: { xsiType: 'MethodFault', fields: {} }, localizedMessage: reason }
  const limit = { signal: AbortSignal.timeout(abortTimeoutMs) }
  try {
    await session.call('HttpNfcLeaseAbort', { _this: lease, fault }, limit)
  } catch {
    // It has ended already, or vCenter is not reachable and ends it by its time-out: nothing else can be done.
  }
}

function readManifest(answer: XmlElement): ManifestEntry[] {
  return children(answer, 'returnval').map(entry => {
    const checksum = textAt(entry, 'checksum')
    const checksumType = textAt(entry, 'checksumType')
    const capacityBytes = numberAt(entry, 'capacity')
    return {
      key: textAt(entry, 'key') ?? '',
      sha1: textAt(entry, 'sha1') ?? '',
      sizeBytes: numberAt(entry, 'size') ?? 0,
      ...(checksum ? { checksum } : {}),
      ...(checksumType ? { checksumType } : {}),
      ...(capacityBytes === undefined ? {} : { capacityBytes }),
    }
  })
}
