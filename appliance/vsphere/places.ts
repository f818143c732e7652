// Where things stand in vCenter: names and parents of folders, datacenters, hosts and networks, read once per import.

import { type ReadOptions, readInventory, readObject, textOf, type VimObject } from './properties.ts'
import type { VcenterSession } from './session.ts'
import { reference } from './vim.ts'

interface Place {
  name: string
  parent: string | undefined
}

const placePaths = {
  Folder: ['name', 'parent'],
  Datacenter: ['name', 'parent'],
  VirtualApp: ['name', 'parentFolder', 'parentVApp'],
  HostSystem: ['name'],
  DistributedVirtualPortgroup: ['name'],
} as const

/** No inventory is nested this deep: a ring of parents must not hold us for ever. */
const maxDepth = 64

/** Names by moref, and paths by following parents. */
export class Places {
  readonly #places = new Map<string, Place>()
  readonly #root: string

  private constructor(root: string) {
    this.#root = root
  }

  /** All of them, in one retrieval. */
  static async read(session: VcenterSession, options: ReadOptions & { pageSize: number }): Promise<Places> {
    const places = new Places(session.content.rootFolder.moref)
    for await (const page of readInventory(session, placePaths, options)) for (const object of page) places.#add(object)
    return places
  }

  /** Those that one server needs: its host, its networks and the folders above it. */
  static async around(session: VcenterSession, server: VimObject, options: ReadOptions): Promise<Places> {
    const places = new Places(session.content.rootFolder.moref)
    const host = server.properties.get('runtime.host')
    if (host) places.#add(await readObject(session, reference('HostSystem', host.text), ['name'], options))
    for (const device of server.properties.get('config.hardware.device')?.children ?? []) {
      const portgroup = device.children
        .find(part => part.name === 'backing')
        ?.children.find(part => part.name === 'port')
        ?.children.find(part => part.name === 'portgroupKey')
      if (!portgroup || places.#places.has(portgroup.text)) continue
      const network = reference('DistributedVirtualPortgroup', portgroup.text)
      places.#add(await readObject(session, network, ['name'], options))
    }
    let above = server.properties.get('parent') ?? server.properties.get('parentVApp')
    for (let depth = 0; above && above.text !== places.#root && depth < maxDepth; depth++) {
      const paths = above.type === 'VirtualApp' ? placePaths.VirtualApp : placePaths.Folder
      const object = await readObject(session, reference(above.type, above.text), paths, options)
      places.#add(object)
      above = parentOf(object)
    }
    return places
  }

  #add(object: VimObject): void {
    this.#places.set(object.moref, {
      name: unescapeName(textOf(object, 'name') ?? ''),
      parent: parentOf(object)?.text,
    })
  }

  /** The name of something, or its moref if the account may not see it. */
  name(moref: string): string {
    return this.#places.get(moref)?.name ?? moref
  }

  /** `/datacenter/vm/folder/name`: the root folder itself has no place in a path, as in govc and PowerCLI. */
  path(parent: string | undefined, name: string): string {
    const names = [name]
    let above = parent
    for (let depth = 0; above !== undefined && above !== this.#root && depth < maxDepth; depth++) {
      const place = this.#places.get(above)
      if (!place) break
      names.unshift(place.name)
      above = place.parent
    }
    return `/${names.join('/')}`
  }
}

function parentOf(object: VimObject) {
  const { properties } = object
  return properties.get('parent') ?? properties.get('parentFolder') ?? properties.get('parentVApp')
}

/** vCenter escapes `%`, `/` and `\` in names as %25, %2f and %5c; people see the plain ones. */
export function unescapeName(name: string): string {
  return name.replace(/%(25|2f|5c)/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}
