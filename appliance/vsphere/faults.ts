// vCenter's faults by our names: SOAP faults, faults of tasks and leases, and what each means for the user.

import { ApplianceError, type ErrorCode } from '../errors.ts'
import { textAt, type XmlElement } from './xml.ts'

/** A fault of vSphere: `fault` is its type in the vim25 schema (`NoPermission`), `detail` its fields. */
export class VcenterFault extends ApplianceError {
  readonly fault: string
  readonly detail: XmlElement | undefined

  constructor(code: ErrorCode, message: string, hint: string, fault: string, detail: XmlElement | undefined) {
    super(code, message, { hint })
    this.fault = fault
    this.detail = detail
  }
}

interface Meaning {
  code: ErrorCode
  hint: string
}

/** vim25 faults that have a meaning of their own, in any call. All others are VCENTER_FAULT. */
const meanings: Record<string, Meaning> = {
  NotAuthenticated: {
    code: 'VCENTER_SESSION_LOST',
    hint: 'The session ended in vCenter. It is opened again by itself; if it stays, look for a limit on sessions.',
  },
  InvalidLogin: {
    code: 'VCENTER_LOGIN_FAILED',
    hint: 'Type user name (with its domain, such as @vsphere.local) and password again. Nothing is retried, so that the account is not locked.',
  },
  NoPermission: {
    code: 'VCENTER_PERMISSION_MISSING',
    hint: 'Give the role of the connector this privilege, at the root of the inventory with propagation.',
  },
  ManagedObjectNotFound: {
    code: 'SERVER_GONE',
    hint: 'It was deleted or registered anew: import the catalog again.',
  },
  NoDiskSpace: { code: 'DATASTORE_FULL', hint: 'Free space on the datastore, or move the server to another one.' },
  ApplicationQuiesceFault: {
    code: 'QUIESCE_FAILED',
    hint: "Look at the guest's VSS writers or freeze scripts, or replicate this server without quiescing.",
  },
  FilesystemQuiesceFault: {
    code: 'QUIESCE_FAILED',
    hint: 'The guest was too busy to freeze its file systems: try at a quieter hour, or replicate without quiescing.',
  },
  ToolsUnavailable: {
    code: 'QUIESCE_FAILED',
    hint: 'VMware Tools do not run in the guest: start them, or replicate this server without quiescing.',
  },
  TaskInProgress: { code: 'SERVER_BUSY', hint: 'Wait until the other task in vCenter has ended.' },
  ConcurrentAccess: { code: 'SERVER_BUSY', hint: 'Somebody else changed the server at that moment: try again.' },
  VmConfigFault: { code: 'SNAPSHOT_FAILED', hint: 'vCenter says why above; see also the events of the server.' },
  SnapshotFault: { code: 'SNAPSHOT_FAILED', hint: 'vCenter says why above; see also the events of the server.' },
  TooManySnapshotLevels: { code: 'SNAPSHOT_FAILED', hint: 'Delete old snapshots of this server in vCenter.' },
  MemorySnapshotOnIndependentDisk: {
    code: 'SNAPSHOT_FAILED',
    hint: 'An independent disk cannot be part of a snapshot.',
  },
}

const otherwise: Meaning = {
  code: 'VCENTER_FAULT',
  hint: "See the server's and vCenter's own events at this time.",
}

/**
 * An error for a vim25 fault. `doing` begins the message ("Creating a snapshot of web01"); `message` is vCenter's own text.
 */
export function vcenterFault(doing: string, fault: string, message: string, detail?: XmlElement): VcenterFault {
  const meaning = meanings[fault] ?? otherwise
  const what = [fault, message].filter(part => part !== '').join(': ')
  return new VcenterFault(
    spaceRanOut(fault, message) ? 'DATASTORE_FULL' : meaning.code,
    `${doing} failed: ${what}${extra(fault, detail)}`,
    spaceRanOut(fault, message) ? (meanings.NoDiskSpace ?? otherwise).hint : meaning.hint,
    fault,
    detail,
  )
}

/**
 * When the datastore fills up while a snapshot is created, hosts report GenericVmConfigFault or FileFault, and only
 * the text tells ("There is not enough space on the file system", "No space left on device"). [M]
 */
function spaceRanOut(fault: string, message: string): boolean {
  return fault !== 'NoDiskSpace' && /(not enough|no|insufficient) (disk )?space/i.test(message)
}

function extra(fault: string, detail: XmlElement | undefined): string {
  if (fault === 'NoPermission') {
    const privilege = textAt(detail, 'privilegeId') ?? textAt(detail, 'missingPrivileges', 'privilegeIds')
    return privilege ? ` (${privilege})` : ''
  }
  if (fault === 'NoDiskSpace') {
    const datastore = textAt(detail, 'datastore')
    return datastore ? ` (datastore ${datastore})` : ''
  }
  return ''
}

/** A LocalizedMethodFault (`TaskInfo.error`, `HttpNfcLease.error`, `missingSet.fault`) as an error. */
export function localizedFault(doing: string, element: XmlElement): VcenterFault {
  const detail = element.children.find(candidate => candidate.name === 'fault')
  return vcenterFault(doing, detail?.xsiType ?? '', textAt(element, 'localizedMessage') ?? '', detail)
}

/** Whether something thrown is one of these faults of vSphere, or, without names, any fault of it. */
export function isFault(thrown: unknown, ...faults: string[]): thrown is VcenterFault {
  return thrown instanceof VcenterFault && (faults.length === 0 || faults.includes(thrown.fault))
}

/** The same fault under another code, where the caller knows better what it means, and perhaps in better words. */
export function asCode(error: VcenterFault, code: ErrorCode, hint: string, message = error.message): VcenterFault {
  const renamed = new VcenterFault(code, message, hint, error.fault, error.detail)
  renamed.cause = error
  return renamed
}
