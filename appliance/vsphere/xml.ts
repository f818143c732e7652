// XML into small trees, by namespace: a parser that is fed piece by piece and can hand over repeated elements as they close.

import { SaxesParser } from 'saxes'
import { ApplianceError } from '../errors.ts'

export const xsiNamespace = 'http://www.w3.org/2001/XMLSchema-instance'

/** An element: names without prefixes, and the two attributes that vSphere uses. */
export interface XmlElement {
  name: string
  namespace: string
  /** `xsi:type`, without its prefix. */
  xsiType: string
  /** The plain attribute `type`: the managed object type of a reference. */
  type: string
  text: string
  readonly children: readonly XmlElement[]
}

/** While it is being built. */
type OpenElement = XmlElement & { children: XmlElement[] }

/** Most elements are leaves: they share one empty list, which never grows. */
const none: XmlElement[] = []

export interface XmlTreeOptions {
  /** Called with each element that closes at this path (local names from the root); it is then forgotten. */
  onElement?: { path: readonly string[]; take: (element: XmlElement) => void }
}

/** vSphere's own schema is about 15 levels deep; a document far deeper is an attack on the stack. */
const maxDepth = 64

/**
 * Builds a tree from pieces of text. A document type declaration, a broken document or one nested too deep is
 * VCENTER_PROTOCOL: entities are never expanded, nothing is ever fetched.
 */
export function xmlTree({ onElement }: XmlTreeOptions = {}) {
  const parser = new SaxesParser({ xmlns: true, position: false })
  const root: OpenElement = { name: '', namespace: '', xsiType: '', type: '', text: '', children: [] }
  const open: OpenElement[] = [root]
  let text = ''

  parser.on('error', error => {
    throw malformed(error.message)
  })
  parser.on('doctype', () => {
    throw malformed('it declares a document type')
  })
  parser.on('text', piece => {
    text += piece
  })
  parser.on('cdata', piece => {
    text += piece
  })
  parser.on('opentag', tag => {
    if (open.length > maxDepth) throw malformed('it is nested too deep')
    text = ''
    const element: OpenElement = {
      name: tag.local,
      namespace: tag.uri,
      xsiType: '',
      type: '',
      text: '',
      children: none,
    }
    for (const key in tag.attributes) {
      const attribute = tag.attributes[key]
      if (attribute?.local !== 'type') continue
      if (attribute.uri === xsiNamespace) element.xsiType = withoutPrefix(attribute.value)
      else if (attribute.uri === '') element.type = attribute.value
    }
    open.push(element)
  })
  parser.on('closetag', () => {
    const element = open.pop()
    const parent = open.at(-1)
    if (!element || !parent) throw malformed('it closes more than it opens')
    if (element.children.length === 0) element.text = text
    text = ''
    if (onElement && isAt(onElement.path, element)) onElement.take(element)
    else if (parent.children === none) parent.children = [element]
    else parent.children.push(element)
  })

  function isAt(path: readonly string[], element: XmlElement): boolean {
    // open holds the nameless root first, so the element at path[i] stands at open[i + 1].
    if (open.length !== path.length || element.name !== path.at(-1)) return false
    for (let i = 1; i < path.length; i++) if (open[i]?.name !== path[i - 1]) return false
    return true
  }

  return {
    write(piece: string): void {
      parser.write(piece)
    },
    /** The document's root element. */
    end(): XmlElement {
      parser.close()
      const [document] = root.children
      if (!document) throw malformed('it is empty')
      return document
    },
  }
}

/** A whole document at once. */
export function parseXml(document: string): XmlElement {
  const tree = xmlTree()
  tree.write(document)
  return tree.end()
}

function withoutPrefix(name: string): string {
  return name.slice(name.indexOf(':') + 1)
}

function malformed(why: string): ApplianceError {
  return new ApplianceError('VCENTER_PROTOCOL', `The answer is not readable XML: ${why}`, {
    hint: 'Check that the address is that of a vCenter, and that no proxy stands in between.',
  })
}

/** The first child of that name. */
export function child(element: XmlElement | undefined, name: string): XmlElement | undefined {
  if (!element) return undefined
  for (const candidate of element.children) if (candidate.name === name) return candidate
  return undefined
}

/** All children of that name. */
export function children(element: XmlElement | undefined, name: string): XmlElement[] {
  return element ? element.children.filter(candidate => candidate.name === name) : []
}

/** Text at a path of children; absent if any of them is. */
export function textAt(element: XmlElement | undefined, ...path: string[]): string | undefined {
  let current = element
  for (const name of path) current = child(current, name)
  return current?.text
}

/** A number at a path: absent, or not a number, is undefined. */
export function numberAt(element: XmlElement | undefined, ...path: string[]): number | undefined {
  const text = textAt(element, ...path)
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  return Number.isFinite(value) ? value : undefined
}

/** True only for `true` and `1`, the two spellings of xsd:boolean. */
export function booleanAt(element: XmlElement | undefined, ...path: string[]): boolean {
  const text = textAt(element, ...path)
  return text === 'true' || text === '1'
}

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', '\r': '&#13;' }

/** Text for content or a quoted attribute. Characters that XML 1.0 cannot hold at all are INVALID_REQUEST. */
export function escapeXml(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML forbids
  if (/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/.test(text) || !text.isWellFormed()) {
    throw new ApplianceError('INVALID_REQUEST', 'A text for vCenter holds characters that XML cannot carry', {
      hint: 'Remove control characters from the name or the description.',
    })
  }
  return text.replace(/[&<>"\r]/g, character => escapes[character] ?? character)
}
