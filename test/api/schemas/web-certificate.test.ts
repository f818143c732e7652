// The schema of the web certificate: host names and addresses to ask for.
import t from 'tap'
import Value from 'typebox/value'
import {
  WebCertificateBody,
  WebCertificateRequest,
  WebCertificateRequestBody,
  WebCertificateView,
} from '../../../appliance/api/schemas/web-certificate.ts'

t.test('names are host names or addresses', async t => {
  for (const name of ['hoist', 'hoist.corp.example', '10.0.0.5', 'fd00::5'])
    t.ok(Value.Check(WebCertificateRequestBody, { names: [name] }), name)
  for (const name of ['', 'a b', 'a/b', '-x', 'x,y', '*.corp.example'])
    t.notOk(Value.Check(WebCertificateRequestBody, { names: [name] }), name)
  t.ok(Value.Check(WebCertificateRequestBody, {}))
})

t.test('a certificate is PEM; a private key is not taken', async t => {
  t.ok(Value.Check(WebCertificateBody, { certificatePem: '-----BEGIN CERTIFICATE-----\n' }))
  t.notOk(Value.Check(WebCertificateBody, { certificatePem: '-----BEGIN PRIVATE KEY-----\n' }))
  t.ok(Value.Check(WebCertificateRequest, { requestPem: 'x' }))
  t.notOk(Value.Check(WebCertificateView, {}))
})
