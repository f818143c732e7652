// Reading properties: single objects, and whole kinds of them page by page through a view.

import { ApplianceError } from '../errors.ts'
import { isFault } from './faults.ts'
import type { VcenterSession } from './session.ts'
import { type Reference, reference, type VimFields } from './vim.ts'
import { child, textAt, type XmlElement } from './xml.ts'

/** An object with those of the asked properties that are set. */
export interface VimObject {
  type: string
  moref: string
  properties: Map<string, XmlElement>
}

export interface ReadOptions {
  signal?: AbortSignal
}

/** Which properties of which managed object types. */
export type PropertyPaths = Readonly<Record<string, readonly string[]>>

/** What to read of an object, and of those that its property `relation` refers to. */
export interface RelatedPaths {
  paths?: readonly string[]
  relation: string
  /** Managed object type of those referred to. */
  type: string
  relatedPaths: readonly string[]
}

/** A session that is lost more often than this during one retrieval is a fault of its own. */
const maxRestarts = 3
const cleanUpTimeoutMs = 10_000

/**
 * Properties of one object. Errors: SERVER_GONE (by vCenter's ManagedObjectNotFound) if there is no such object.
 */
export async function readObject(
  session: VcenterSession,
  object: Reference,
  paths: readonly string[],
  options: ReadOptions = {},
): Promise<VimObject> {
  const [found] = await readObjects(session, [object], paths, options)
  if (found) return found
  throw new ApplianceError('VCENTER_PROTOCOL', `vCenter answered nothing about ${object.referenceTo} ${object.moref}`, {
    hint: 'Check that the account may see it: System.Read at the root of the inventory.',
  })
}

/** Properties of a few objects of one type; all at once, for there are few. */
export async function readObjects(
  session: VcenterSession,
  objects: readonly Reference[],
  paths: readonly string[],
  options: ReadOptions = {},
): Promise<VimObject[]> {
  const type = objects[0]?.referenceTo
  if (type === undefined) return []
  const read: VimObject[] = []
  await session.call(
    'RetrievePropertiesEx',
    {
      _this: session.content.propertyCollector,
      specSet: { propSet: { type, all: false, pathSet: paths }, objectSet: objects.map(obj => ({ obj, skip: false })) },
      options: {},
    },
    { ...options, onObject: element => read.push(toObject(element)) },
  )
  return read
}

/**
 * One object and what a property of it refers to, in a single answer: nothing can vanish between two questions.
 * Source: TraversalSpec of the PropertyCollector.
 */
export async function readRelated(
  session: VcenterSession,
  object: Reference,
  { paths = [], relation, type, relatedPaths }: RelatedPaths,
  options: ReadOptions = {},
): Promise<{ object: VimObject | undefined; related: VimObject[] }> {
  const read: VimObject[] = []
  const traversal = { type: object.referenceTo, path: relation, skip: false }
  await session.call(
    'RetrievePropertiesEx',
    {
      _this: session.content.propertyCollector,
      specSet: {
        propSet: [
          ...(paths.length > 0 ? [{ type: object.referenceTo, all: false, pathSet: paths }] : []),
          { type, all: false, pathSet: relatedPaths },
        ],
        objectSet: {
          obj: object,
          skip: paths.length === 0,
          selectSet: { xsiType: 'TraversalSpec', fields: traversal },
        },
      },
      options: {},
    },
    { ...options, onObject: element => read.push(toObject(element)) },
  )
  return {
    object: read.find(candidate => candidate.moref === object.moref),
    related: read.filter(candidate => candidate.type === type && candidate.moref !== object.moref),
  }
}

/**
 * All objects of these types below the root folder, in pages of at most `pageSize`. The next page is on its way while
 * the caller works on one. If the session is lost in between, the retrieval starts again with what it has not yet yielded.
 */
export async function* readInventory(
  session: VcenterSession,
  wanted: PropertyPaths,
  { signal, pageSize }: ReadOptions & { pageSize: number },
): AsyncGenerator<VimObject[]> {
  const yielded = new Set<string>()
  for (let restarts = 0; ; restarts++) {
    const generation = session.generation
    try {
      for await (const page of readPages(session, wanted, pageSize, signal)) {
        const unseen = page.filter(object => !yielded.has(object.moref))
        for (const object of unseen) yielded.add(object.moref)
        if (unseen.length > 0) yield unseen
      }
      return
    } catch (error) {
      // View and token ended with their session: after a new login vCenter knows neither.
      const ofLostSession = isFault(error, 'NotAuthenticated') || (isFault(error) && session.generation !== generation)
      if (!ofLostSession || restarts >= maxRestarts) throw error
    }
  }
}

async function* readPages(
  session: VcenterSession,
  wanted: PropertyPaths,
  pageSize: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<VimObject[]> {
  const { propertyCollector, viewManager, rootFolder } = session.content
  const waiting = signal ? { signal } : {}
  const types = Object.keys(wanted)
  const created = await session.call(
    'CreateContainerView',
    { _this: viewManager, container: rootFolder, type: types, recursive: true },
    waiting,
  )
  const view = reference('ContainerView', textAt(created, 'returnval') ?? '')
  const fetchPage = async (method: string, args: VimFields) => {
    const objects: VimObject[] = []
    const answer = await session.call(
      method,
      { _this: propertyCollector, ...args },
      { ...waiting, boundToSession: true, onObject: element => objects.push(toObject(element)) },
    )
    return { objects, token: textAt(answer, 'returnval', 'token') }
  }
  let token: string | undefined
  try {
    let page = await fetchPage('RetrievePropertiesEx', {
      specSet: {
        propSet: types.map(type => ({ type, all: false, pathSet: wanted[type] ?? [] })),
        objectSet: {
          obj: view,
          skip: true,
          selectSet: {
            xsiType: 'TraversalSpec',
            fields: { name: 'view', type: 'ContainerView', path: 'view', skip: false },
          },
        },
      },
      options: { maxObjects: pageSize },
    })
    for (;;) {
      token = page.token
      if (token === undefined) {
        yield page.objects
        return
      }
      const next = fetchPage('ContinueRetrievePropertiesEx', { token })
      // Awaited below, unless the caller stops first: then its failure is nobody's business.
      next.catch(() => undefined)
      yield page.objects
      page = await next
    }
  } finally {
    // Own time limit: the caller's signal may be why we are here. What is not released ends with the session.
    const limit = { signal: AbortSignal.timeout(cleanUpTimeoutMs), boundToSession: true }
    await session.call('DestroyView', { _this: view }, limit).catch(() => undefined)
    if (token !== undefined) {
      const args = { _this: propertyCollector, token }
      await session.call('CancelRetrievePropertiesEx', args, limit).catch(() => undefined)
    }
  }
}

function toObject(element: XmlElement): VimObject {
  const properties = new Map<string, XmlElement>()
  let type = ''
  let moref = ''
  for (const part of element.children) {
    if (part.name === 'obj') {
      type = part.type
      moref = part.text
    } else if (part.name === 'propSet') {
      const value = child(part, 'val')
      if (value) properties.set(textAt(part, 'name') ?? '', value)
    }
  }
  return { type, moref, properties }
}

/** A property's text; absent if it is not set. */
export function textOf(object: VimObject, path: string): string | undefined {
  return object.properties.get(path)?.text
}
