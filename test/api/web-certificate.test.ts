// The routes of the web certificate; and that browsers are held to TLS only by a certificate that they trust.
import t from 'tap'
import type { WebCertificateView } from '../../appliance/api/schemas/web-certificate.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import { memoryApi } from './memory-api.ts'

const own: WebCertificateView = {
  ...{ subject: 's', issuer: 's', validFrom: 'f', validTo: 't', thumbprintSha256: 'AA', selfSigned: true },
  ...{ names: ['localhost'], chain: [] },
}
let view = own
const asked: unknown[] = []
const { api, call } = await memoryApi({
  webCertificate: {
    view: () => view,
    async request(names) {
      asked.push(names)
      return 'PEM'
    },
    async install(body) {
      if (body.chainPem === undefined) throw new ApplianceError('WEB_CERTIFICATE_REFUSED', 'No', { hint: 'Upload it' })
      view = { ...own, issuer: 'CA', selfSigned: false, chain: [{ subject: 'CA', issuer: 'CA', validTo: 't' }] }
      return view
    },
  },
})
t.teardown(() => api.close())
const certificatePem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n'

t.test('it is shown, requested with names or without, and refused by name', async t => {
  t.same(await call('GET', '/api/web-certificate'), { status: 200, body: own })
  t.same(await call('POST', '/api/web-certificate/request', {}), { status: 200, body: { requestPem: 'PEM' } })
  await call('POST', '/api/web-certificate/request', { names: ['a.example'] })
  t.same(asked, [[], ['a.example']])
  t.match(await call('PUT', '/api/web-certificate', { certificatePem }), {
    status: 422,
    body: { code: 'WEB_CERTIFICATE_REFUSED' },
  })
})

t.test('strict transport is said only with a certificate of a CA, by every answer', async t => {
  const header = async (url: string) => (await api.inject(url)).headers['strict-transport-security']
  t.equal(await header('/api/health/live'), undefined)
  t.match(await call('PUT', '/api/web-certificate', { certificatePem, chainPem: certificatePem }), {
    body: { selfSigned: false },
  })
  for (const url of ['/api/health/live', '/api/web-certificate', '/nowhere'])
    t.match(await header(url), /max-age=\d+/, url)
})
