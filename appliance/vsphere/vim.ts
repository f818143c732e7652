// Values of the vim25 schema as we write them: references, typed objects, and their XML.

import { escapeXml } from './xml.ts'

/** A ManagedObjectReference. */
export interface Reference {
  readonly referenceTo: string
  readonly moref: string
}

export function reference(type: string, moref: string): Reference {
  return { referenceTo: type, moref }
}

/** An object whose schema type must be told, because the field's declared type is abstract or `xsd:anyType`. */
export interface TypedObject {
  readonly xsiType: string
  readonly fields: VimFields
}

export type VimValue = string | number | boolean | Date | Reference | TypedObject | VimFields | readonly VimValue[]

/**
 * Fields of an object in the order of its schema type: the schema is an xsd:sequence, so vCenter refuses them in any
 * other order, and JavaScript keeps the order in which they are written. Undefined fields are left out.
 */
export interface VimFields {
  readonly [name: string]: VimValue | undefined
}

/** A value as an element; an array becomes one element for each item. */
export function toXml(name: string, value: VimValue | undefined): string {
  if (value === undefined) return ''
  if (isArray(value)) return value.map(item => toXml(name, item)).join('')
  if (typeof value !== 'object') return `<${name}>${escapeXml(String(value))}</${name}>`
  if (value instanceof Date) return `<${name}>${value.toISOString()}</${name}>`
  if (isReference(value)) return `<${name} type="${escapeXml(value.referenceTo)}">${escapeXml(value.moref)}</${name}>`
  if (isTyped(value)) return `<${name} xsi:type="${escapeXml(value.xsiType)}">${fieldsXml(value.fields)}</${name}>`
  return `<${name}>${fieldsXml(value as VimFields)}</${name}>`
}

export function fieldsXml(fields: VimFields): string {
  return Object.entries(fields)
    .map(([name, value]) => toXml(name, value))
    .join('')
}

function isArray(value: VimValue): value is readonly VimValue[] {
  return Array.isArray(value)
}

function isReference(value: object): value is Reference {
  return 'referenceTo' in value
}

function isTyped(value: object): value is TypedObject {
  return 'xsiType' in value
}
