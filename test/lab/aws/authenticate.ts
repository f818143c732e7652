// Who signed a request, and the words in which each service refuses one that is not signed well.
import { AwsError } from './aws-error.ts'
import type { Lab } from './config.ts'
import type { StoredCredential } from './iam-store.ts'
import {
  type Credential,
  maxSkewMs,
  parseAuthorization,
  requestTime,
  type SignedRequest,
  verifySignature,
} from './sigv4.ts'

export const services = ['ec2', 'ebs', 'sts', 'iam', 'kms', 'sns', 'sqs'] as const

type Refusal = 'missing' | 'unknownKey' | 'badSignature' | 'skew' | 'expiredToken' | 'wrongRegion'

/** @throws the service's own error; the code decides whether a client tries again with a corrected clock or new credentials. */
export function authenticate(lab: Lab, request: SignedRequest): { credential: Credential; stored: StoredCredential } {
  const credential = parseAuthorization(request.headers.authorization)
  if (credential === undefined) throw refusal('', 'missing')
  const { service } = credential
  const stored = lab.iam.findCredential(credential.accessKeyId)
  if (stored === undefined) throw refusal(service, 'unknownKey')
  if ((stored.sessionToken ?? '') !== (request.headers['x-amz-security-token'] ?? ''))
    throw refusal(service, 'unknownKey')
  // IAM is global and signed for whichever Region the client has; the others live in the lab's one.
  if (service !== 'iam' && service !== 'sts' && credential.region !== lab.region) throw refusal(service, 'wrongRegion')
  const time = requestTime(request.headers)
  if (!(Math.abs(time - lab.now()) <= maxSkewMs)) throw refusal(service, 'skew')
  if (!verifySignature(request, credential, stored.secretAccessKey)) throw refusal(service, 'badSignature')
  if (isExpired(lab, stored)) throw refusal(service, 'expiredToken')
  return { credential, stored }
}

export function isExpired(lab: Lab, stored: StoredCredential): boolean {
  return stored.expiresAtMs !== undefined && lab.now() >= stored.expiresAtMs
}

/** Codes and texts: common errors of the EC2, STS, SNS, EBS, SQS and KMS API references. */
function refusal(service: string, kind: Refusal): AwsError {
  const ec2: Record<Refusal, [string, string, number]> = {
    missing: ['MissingAuthenticationToken', 'Request is missing Authentication Token', 403],
    unknownKey: ['AuthFailure', 'AWS was not able to validate the provided access credentials', 401],
    badSignature: ['AuthFailure', 'AWS was not able to validate the provided access credentials', 401],
    wrongRegion: ['AuthFailure', 'Credential should be scoped to a valid region.', 401],
    skew: ['RequestExpired', 'Request has expired.', 400],
    expiredToken: ['RequestExpired', 'Request has expired.', 400],
  }
  const query: Record<Refusal, [string, string, number]> = {
    missing: ['MissingAuthenticationToken', 'Request is missing Authentication Token', 403],
    unknownKey: ['InvalidClientTokenId', 'The security token included in the request is invalid.', 403],
    badSignature: [
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided.',
      403,
    ],
    wrongRegion: ['SignatureDoesNotMatch', 'Credential should be scoped to a valid region.', 403],
    skew: ['SignatureDoesNotMatch', 'Signature expired: the request is older or newer than 15 min.', 403],
    expiredToken: ['ExpiredToken', 'The security token included in the request is expired', 403],
  }
  const json: Record<Refusal, [string, string, number]> = {
    missing: ['MissingAuthenticationTokenException', 'Missing Authentication Token', 403],
    unknownKey: ['UnrecognizedClientException', 'The security token included in the request is invalid.', 403],
    badSignature: [
      'InvalidSignatureException',
      'The request signature we calculated does not match the signature you provided.',
      403,
    ],
    wrongRegion: ['InvalidSignatureException', 'Credential should be scoped to a valid region.', 403],
    skew: ['InvalidSignatureException', 'Signature expired: the request is older or newer than 15 min.', 403],
    expiredToken: ['ExpiredTokenException', 'The security token included in the request is expired', 403],
  }
  const table = service === 'ec2' ? ec2 : ['sts', 'iam', 'sns'].includes(service) ? query : json
  const [code, message, statusCode] = table[kind]
  return new AwsError(code, message, statusCode)
}
