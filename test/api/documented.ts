// Compares answers of the API with its own OpenAPI document.
import { Check, Errors } from 'typebox/schema'
import type { App } from '../../appliance/app.ts'
import type { Site } from '../site.ts'

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: object }> }>
}

export interface ApiAnswer {
  method: string
  /** As requested, with its query. */
  url: string
  status: number
  /** Parsed; undefined for an empty body. */
  body: unknown
}

/** A function that says what an answer has that its document does not say; an empty text means that it conforms. */
export async function documented(app: Pick<App, 'api'>): Promise<(answer: ApiAnswer) => string> {
  const { paths, components } = (await app.api.inject('/api/openapi.json')).json<{
    paths: Record<string, Record<string, Operation>>
    components: object
  }>()
  const routes = Object.entries(paths).map(([path, operations]) => ({
    pattern: new RegExp(`^${path.replace(/\{[^}]+\}/g, '[^/]+')}$`),
    operations,
  }))
  return ({ method, url, status, body }) => {
    const path = url.split('?')[0] ?? ''
    const operation = routes.find(({ pattern }) => pattern.test(path))?.operations[method.toLowerCase()]
    const response = operation?.responses[status] ?? operation?.responses[`${String(status)[0]}XX`]
    if (!response) return `${method} ${url} answered ${status}, which is not documented`
    const schema = response.content?.['application/json']?.schema
    if (!schema) return body === undefined ? '' : `${method} ${url} answered ${status} with a body`
    // References point to the document's top.
    const whole = { ...schema, components }
    if (Check(whole, body)) return ''
    const [, errors] = Errors(whole, body)
    return `${method} ${url} answered ${status}: ${errors.map(error => `${error.instancePath} ${error.message}`).join('; ')}`
  }
}

/** `site.call`, which throws when an answer is not as documented. */
export function documentedCall(site: Site): Site['call'] {
  const document = documented(site.app)
  return async (method, url, body) => {
    const answer = await site.call(method, url, body)
    const difference = (await document)({ method, url, ...answer })
    if (difference !== '') throw new Error(difference)
    return answer as never
  }
}
