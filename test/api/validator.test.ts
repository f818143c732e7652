// How queries are spelled.
import t from 'tap'
import { Type } from 'typebox'
import { strict } from '../../appliance/api/schemas/common.ts'
import { validatorCompiler } from '../../appliance/api/validator.ts'

const schema = Type.Object(
  {
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })),
    images: Type.Optional(Type.Boolean()),
    search: Type.Optional(Type.String({ maxLength: 5 })),
  },
  strict,
)
const validate = (httpPart: string) => validatorCompiler({ schema, httpPart, method: 'GET', url: '/' })

t.test('integers and truths of a query are taken in one spelling only', async t => {
  const query = validate('querystring')
  t.strictSame(query({ limit: '7', images: 'false', search: '7' }), {
    value: { limit: 7, images: false, search: '7' },
  })
  t.strictSame(query({}), { value: {} })
  for (const limit of ['true', '1.9', '0x10', '1e2', ' 7', '7 ', '', '+7', '9'.repeat(16), ['1', '2']])
    t.match(query({ limit }), { error: [{ instancePath: '/limit', message: 'must be integer' }] }, String(limit))
  for (const images of ['1', '0', 'True', '', 'null', ['true']])
    t.match(query({ images }), { error: [{ instancePath: '/images', message: 'must be boolean' }] }, String(images))
})

t.test('beyond the spelling the schema decides', async t => {
  const query = validate('querystring')
  for (const refused of [{ limit: '0' }, { limit: '501' }, { limit: '-1' }, { search: 'longer' }, { other: '1' }])
    t.ok('error' in (query(refused) as object), JSON.stringify(refused))
})

t.test('bodies are compared as they are', async t => {
  const body = validate('body')
  t.strictSame(body({ limit: 7, images: true }), { value: { limit: 7, images: true } })
  t.ok('error' in (body({ limit: '7' }) as object))
})
