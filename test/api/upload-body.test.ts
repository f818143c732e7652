// Bodies that are files, on a server of their own: bytes reach the route, everything else is refused before it.
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import t from 'tap'
import { Type } from 'typebox'
import { handleErrors } from '../../appliance/api/error-handler.ts'
import type { Routes } from '../../appliance/api/routes.ts'
import { UploadBody, uploadRoutes, uploadType } from '../../appliance/api/upload-body.ts'

const app = fastify({ bodyLimit: 100 }).setValidatorCompiler(TypeBoxValidatorCompiler) as unknown as Routes
handleErrors(app)
const seen: unknown[] = []
const querystring = Type.Object({}, { additionalProperties: false })
uploadRoutes(app, scope =>
  scope.put('/file', { schema: { body: UploadBody, querystring } }, async request => {
    seen.push(request.body)
    const bytes = Buffer.concat(await Array.fromAsync(request.raw))
    return { bytes: bytes.length }
  }),
)
app.put('/other', async request => ({ got: request.body }))
t.teardown(() => app.close())
const send = (type: string, payload: string | Buffer, url = '/file') =>
  app.inject({ method: 'PUT', url, headers: { 'content-type': type }, payload })

t.test('bytes of any number reach the route, and nobody else has them as the body', async t => {
  t.same((await send(uploadType, Buffer.alloc(500_000))).json(), { bytes: 500_000 })
  t.same((await send(uploadType, '')).json(), { bytes: 0 })
  t.strictSame(seen, [undefined, undefined])
})

t.test('other types are refused there, and bytes elsewhere; the query is validated as everywhere', async t => {
  t.equal((await send('application/json', '{}')).statusCode, 415)
  t.equal((await send(uploadType, 'x', '/other')).statusCode, 415)
  t.same((await send('application/json', '{"a":1}', '/other')).json(), { got: { a: 1 } })
  t.match((await send(uploadType, 'x', '/file?a=1')).json(), { code: 'INVALID_REQUEST' })
})
