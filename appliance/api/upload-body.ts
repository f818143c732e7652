// Bodies that are files: read by their route as they come, never held in memory, and never parsed.
import type { FastifySchema, FastifySchemaCompiler } from 'fastify'
import { Type } from 'typebox'
import type { Routes } from './routes.ts'

export const uploadType = 'application/octet-stream'

/** What a route of `uploadRoutes` documents as its body; it is not validated. */
export const UploadBody = Type.Unsafe<unknown>({ type: 'string', format: 'binary' })

/** Registers routes that take bytes, in `request.raw`, and no other body. */
export function uploadRoutes(app: Routes, register: (scope: Routes) => void): void {
  void app.register(async scope => {
    scope.removeAllContentTypeParsers()
    // The route reads it; the audit log and the validation have nothing of it in their hands.
    scope.addContentTypeParser(uploadType, (_request, _payload, done) => done(null))
    const validate = scope.validatorCompiler as FastifySchemaCompiler<FastifySchema>
    scope.setValidatorCompiler(route => (route.httpPart === 'body' ? () => true : validate(route)))
    register(scope as Routes)
  })
}
