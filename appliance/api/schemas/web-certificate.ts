// The certificate of the page itself.
import { type Static, Type } from 'typebox'
import { strict, Timestamp } from './common.ts'

const hostOrAddress = '^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$'
const pem = '^\\s*-----BEGIN CERTIFICATE-----'

export const WebCertificateView = Type.Object(
  {
    subject: Type.String(),
    issuer: Type.String(),
    validFrom: Timestamp,
    validTo: Timestamp,
    thumbprintSha256: Type.String(),
    selfSigned: Type.Boolean(),
    names: Type.Array(Type.String(), { description: 'Host names and addresses that it is for' }),
    chain: Type.Array(Type.Object({ subject: Type.String(), issuer: Type.String(), validTo: Timestamp }, strict), {
      description: 'Above it, in order',
    }),
  },
  strict,
)
export type WebCertificateView = Static<typeof WebCertificateView>

export const WebCertificateRequestBody = Type.Object(
  {
    names: Type.Optional(
      Type.Array(Type.String({ pattern: hostOrAddress }), {
        minItems: 1,
        maxItems: 50,
        description: "The first becomes the common name. Absent: the machine's own",
      }),
    ),
  },
  strict,
)

export const WebCertificateRequest = Type.Object(
  { requestPem: Type.String({ description: 'PKCS #10 in PEM, for the key that the appliance has' }) },
  strict,
)

export const WebCertificateBody = Type.Object(
  {
    certificatePem: Type.String({ maxLength: 65536, pattern: pem }),
    chainPem: Type.Optional(Type.String({ maxLength: 131072, pattern: pem })),
  },
  strict,
)
export type WebCertificateBody = Static<typeof WebCertificateBody>
