// The registrations of Hoist connectors in vCenter: all, whoever made them.
import { extensionKey, type FoundRegistration, toRegistration } from './extension.ts'
import { type ReadOptions, readObject } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { children, textAt } from './xml.ts'

/** A registration with the key that vCenter knows it by. */
export interface ListedRegistration extends FoundRegistration {
  key: string
}

/** Every extension whose key is the connector's, or lies below it. Source: `ExtensionManager.extensionList`. */
export async function listRegistrations(
  session: VcenterSession,
  options: ReadOptions = {},
): Promise<ListedRegistration[]> {
  const { properties } = await readObject(session, session.content.extensionManager, ['extensionList'], options)
  return children(properties.get('extensionList'), 'Extension').flatMap(extension => {
    const key = textAt(extension, 'key') ?? ''
    const ours = key === extensionKey || key.startsWith(`${extensionKey}.`)
    return ours ? [{ key, ...toRegistration(extension) }] : []
  })
}
