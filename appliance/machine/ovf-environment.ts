// The OVF environment: what was filled in at the deployment, as the hypervisor hands it to the machine. Source: DSP0243, 9.
import { SaxesParser, type SaxesTagNS } from 'saxes'
import { ApplianceError } from '../errors.ts'

/** What rpctool may hand over, too. Bytes. */
export const maxEnvironmentBytes = 64 * 1024
/** Environment, section, property, and what vendors put into sections of their own. */
const maxDepth = 16

const namespace = 'http://schemas.dmtf.org/ovf/environment/1'

/**
 * The properties of this machine; those of others in the same vApp (Entity) are none of ours. A key that is there twice has
 * every value that was given.
 * @throws {ApplianceError} INVALID_REQUEST when it is no OVF environment; the message holds nothing of it
 */
export function parseOvfEnvironment(bytes: Uint8Array): Map<string, string[]> {
  if (bytes.length > maxEnvironmentBytes) throw flawed(`it has more than ${maxEnvironmentBytes} bytes`)
  const parser = new SaxesParser({ xmlns: true, position: false })
  const found = new Map<string, string[]>()
  const open: string[] = []
  parser.on('error', () => {
    throw flawed('it is no well-formed XML')
  })
  parser.on('doctype', () => {
    throw flawed('it declares a document type')
  })
  parser.on('opentag', tag => {
    // What is of another namespace has no name here.
    open.push(tag.uri === namespace ? tag.local : '')
    if (open.length > maxDepth) throw flawed('it is nested too deep')
    if (open.length === 1 && open[0] !== 'Environment') throw flawed('it begins with another element')
    if (open.join('/') !== 'Environment/PropertySection/Property') return
    const key = attributeOf(tag, 'key')
    const value = attributeOf(tag, 'value')
    if (key === undefined || value === undefined) throw flawed('a property has no key or no value')
    found.set(key, [...(found.get(key) ?? []), value])
  })
  parser.on('closetag', () => {
    open.pop()
  })
  parser.write(textOf(bytes)).close()
  return found
}

function attributeOf({ attributes }: SaxesTagNS, name: string): string | undefined {
  return Object.values(attributes).find(({ uri, local }) => uri === namespace && local === name)?.value
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw flawed('it is not UTF-8') // The cause would quote it.
  }
}

function flawed(why: string): ApplianceError {
  return new ApplianceError('INVALID_REQUEST', `The properties of the deployment cannot be read: ${why}.`, {
    hint: 'Set everything in the setup wizard instead, or deploy again.',
  })
}
