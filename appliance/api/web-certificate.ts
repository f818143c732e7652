// The certificate of the page: looked at, requested from a CA, replaced while the page goes on.
import type { Routes } from './routes.ts'
import { errorAnswers } from './schemas/common.ts'
import {
  WebCertificateBody,
  WebCertificateRequest,
  WebCertificateRequestBody,
  WebCertificateView,
} from './schemas/web-certificate.ts'

export interface WebCertificateService {
  view(): WebCertificateView
  /** PEM of a request. */
  request(names: readonly string[]): Promise<string>
  /** In force for every new connection when the promise resolves. @throws {ApplianceError} WEB_CERTIFICATE_REFUSED */
  install(body: WebCertificateBody): Promise<WebCertificateView>
}

const tags = ['settings']
/** Half a year: long enough for browsers to insist on TLS, short enough to get out of. Subdomains are others' business. */
const strictTransport = 'max-age=15552000'

export function webCertificateRoutes(app: Routes, certificate: WebCertificateService): void {
  app.addHook('onSend', async (_request, reply) => {
    // With a certificate that nobody signed, the browser would never let anybody past its warning again.
    if (!certificate.view().selfSigned) reply.header('strict-transport-security', strictTransport)
  })
  app.get(
    '/api/web-certificate',
    {
      schema: { summary: 'The certificate of this page', tags, response: { 200: WebCertificateView, ...errorAnswers } },
    },
    () => certificate.view(),
  )
  app.post(
    '/api/web-certificate/request',
    {
      schema: {
        summary: 'A request to be signed by a CA, for the key that the appliance has',
        tags,
        body: WebCertificateRequestBody,
        response: { 200: WebCertificateRequest, ...errorAnswers },
      },
    },
    async request => ({ requestPem: await certificate.request(request.body.names ?? []) }),
  )
  app.put(
    '/api/web-certificate',
    {
      schema: {
        summary: 'Put a certificate that a CA has signed, and its chain, in place; nothing restarts',
        tags,
        body: WebCertificateBody,
        response: { 200: WebCertificateView, ...errorAnswers },
      },
    },
    request => certificate.install(request.body),
  )
}
