import t from 'tap'
import { type OpenApi, routesByTag, schemaText } from '../../../webui/docs/open-api.ts'

const document: OpenApi = {
  info: { title: 'x', version: '1' },
  paths: {
    '/api/a': { get: { tags: ['one'], summary: 'A' }, post: { tags: ['one'] } },
    '/api/b': { get: {} },
  },
  components: { schemas: { Error: { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] } } },
}

t.test('routes stand under their tag', async t => {
  const byTag = routesByTag(document)
  t.strictSame([...byTag.keys()], ['one', 'other'])
  t.strictSame(
    byTag.get('one')?.map(({ method, path }) => `${method} ${path}`),
    ['GET /api/a', 'POST /api/a'],
  )
})

t.test('a schema reads as a type', async t => {
  const text = (schema: Parameters<typeof schemaText>[0]) => schemaText(schema, document)
  t.equal(text({ anyOf: [{ const: 'a' }, { const: 'b' }] }), '"a" | "b"')
  t.equal(text({ type: 'array', items: { anyOf: [{ const: 1 }, { type: 'null' }] } }), '(1 | null)[]')
  t.equal(text({ $ref: '#/components/schemas/Error' }), '{\n  code: string\n}')
  t.equal(text({ type: 'object', patternProperties: { '^.*$': { type: 'integer' } } }), '{ [key: string]: integer }')
  t.equal(
    text({ type: 'object', properties: { a: { type: 'string', description: 'Why' } } }),
    '{\n  a?: string  // Why\n}',
  )
  t.equal(text(undefined), 'unknown')
})
