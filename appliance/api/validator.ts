// How requests are compared with their schemas: queries are texts, and become numbers and truths only when they are spelled as such.
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import type { TSchema } from 'typebox'

/** What the conversion of texts would take too: `true` as 1, `1.9` as 1, `1` as true. */
const spellings: Readonly<Record<string, RegExp>> = {
  integer: /^-?\d{1,15}$/,
  boolean: /^(true|false)$/,
}

/** TypeBox's own compiler, but a query's integers and truths have to be spelled as JSON spells them. */
export const validatorCompiler: typeof TypeBoxValidatorCompiler = route => {
  const validate = TypeBoxValidatorCompiler(route)
  const types = Object.entries(typesOf(route.schema as TSchema))
  if (route.httpPart !== 'querystring' || types.length === 0) return validate
  return (query: Record<string, unknown>) => {
    const errors = types.flatMap(([name, type]) => {
      const given = query[name]
      if (given === undefined || (typeof given === 'string' && spellings[type]?.test(given))) return []
      return [{ keyword: 'type', instancePath: `/${name}`, schemaPath: '', params: {}, message: `must be ${type}` }]
    })
    return errors.length > 0 ? { error: errors } : validate(query)
  }
}

/** The properties of a query that are no texts, with their types. */
function typesOf(schema: TSchema): Record<string, string> {
  const properties = 'properties' in schema ? (schema.properties as Record<string, { type?: string }>) : {}
  return Object.fromEntries(
    Object.entries(properties).flatMap(([name, { type }]) =>
      type !== undefined && Object.hasOwn(spellings, type) ? [[name, type]] : [],
    ),
  )
}
