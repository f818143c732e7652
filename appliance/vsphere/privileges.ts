// The role that the connector needs in vCenter, and what an account lacks of it.

import type { ReadOptions } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { booleanAt, children, textAt } from './xml.ts'

/** A privilege by vSphere's own id, and what it is for, as the documentation and the setup show it. */
export interface Privilege {
  id: string
  purpose: string
}

/**
 * The least role for what is built: snapshots read by NFC export, and the registration. Granted at the root folder, with
 * propagation. System.Anonymous, System.Read and System.View are part of every role.
 */
export const requiredPrivileges: readonly Privilege[] = [
  { id: 'VirtualMachine.State.CreateSnapshot', purpose: 'freeze the disks for a run' },
  { id: 'VirtualMachine.State.RemoveSnapshot', purpose: 'remove that snapshot, and consolidate what it leaves' },
  { id: 'VApp.Export', purpose: 'read the frozen disks through an export lease' },
  { id: 'Extension.Register', purpose: 'register the connector in vCenter' },
  { id: 'Extension.Update', purpose: "keep the registration's version and address current" },
  { id: 'Extension.Unregister', purpose: 'take the registration away' },
]

/**
 * Those of the privileges that the session's account does not hold at the root of the inventory.
 * Source: AuthorizationManager.HasPrivilegeOnEntities (vSphere API 5.5 and newer).
 */
export async function missingPrivileges(
  session: VcenterSession,
  privileges: readonly Privilege[] = requiredPrivileges,
  options: ReadOptions = {},
): Promise<Privilege[]> {
  const { authorizationManager, rootFolder } = session.content
  const answer = await session.call(
    'HasPrivilegeOnEntities',
    {
      _this: authorizationManager,
      entity: [rootFolder],
      sessionId: session.sessionKey,
      privId: privileges.map(privilege => privilege.id),
    },
    options,
  )
  const granted = new Set(
    children(answer, 'returnval')
      .flatMap(entity => children(entity, 'privAvailability'))
      .filter(availability => booleanAt(availability, 'isGranted'))
      .map(availability => textAt(availability, 'privId')),
  )
  return privileges.filter(privilege => !granted.has(privilege.id))
}
