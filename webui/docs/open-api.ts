// The part of an OpenAPI document that the page reads.

export interface OpenApiSchema {
  $ref?: string
  type?: string | string[]
  description?: string
  properties?: Record<string, OpenApiSchema>
  required?: string[]
  items?: OpenApiSchema
  anyOf?: OpenApiSchema[]
  const?: unknown
  enum?: unknown[]
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  patternProperties?: Record<string, OpenApiSchema>
}

export interface OpenApiContent {
  content?: Record<string, { schema?: OpenApiSchema }>
  description?: string
}

export interface OpenApiOperation {
  summary?: string
  description?: string
  tags?: string[]
  parameters?: { name: string; in: string; required?: boolean; description?: string; schema?: OpenApiSchema }[]
  requestBody?: OpenApiContent
  responses?: Record<string, OpenApiContent>
  security?: unknown[]
}

export interface OpenApi {
  info: { title: string; version: string }
  paths: Record<string, Record<string, OpenApiOperation>>
  components?: { schemas?: Record<string, OpenApiSchema> }
}

export interface Route {
  method: string
  path: string
  operation: OpenApiOperation
}

/** Routes by their tag, in the order of the document. */
export function routesByTag({ paths }: OpenApi): Map<string, Route[]> {
  const byTag = new Map<string, Route[]>()
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const tag = operation.tags?.[0] ?? 'other'
      const routes = byTag.get(tag) ?? []
      byTag.set(tag, routes)
      routes.push({ method: method.toUpperCase(), path, operation })
    }
  }
  return byTag
}

/** Deeper than this nobody reads on; it also ends schemas that hold themselves. */
const deepest = 6

/** A schema as TypeScript would write it. */
export function schemaText(schema: OpenApiSchema | undefined, document: OpenApi, depth = 0): string {
  if (!schema) return 'unknown'
  if (schema.$ref !== undefined) {
    const name = schema.$ref.split('/').at(-1) ?? ''
    const known = document.components?.schemas?.[name]
    return known && depth < deepest ? schemaText(known, document, depth) : name
  }
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map(value => JSON.stringify(value)).join(' | ')
  if (schema.anyOf) return [...new Set(schema.anyOf.map(one => schemaText(one, document, depth)))].join(' | ')
  if (schema.type === 'array') {
    const item = schemaText(schema.items, document, depth)
    return / \| /.test(item) && !item.startsWith('{') ? `(${item})[]` : `${item}[]`
  }
  if (schema.type !== 'object' && !schema.properties) return [schema.type ?? 'unknown'].flat().join(' | ')
  const values = Object.values(schema.patternProperties ?? {})[0]
  if (!schema.properties) return values ? `{ [key: string]: ${schemaText(values, document, depth + 1)} }` : '{}'
  if (depth >= deepest) return '{ … }'
  const indent = '  '.repeat(depth + 1)
  const lines = Object.entries(schema.properties).map(([name, property]) => {
    const optional = schema.required?.includes(name) ? '' : '?'
    const said = property.description === undefined ? '' : `  // ${property.description}`
    return `${indent}${name}${optional}: ${schemaText(property, document, depth + 1)}${said}`
  })
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`
}
