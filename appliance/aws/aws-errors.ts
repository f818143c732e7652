// What AWS's refusals and failures mean: which are worth repeating, and the ApplianceError that each becomes.
import { ApplianceError, type ErrorCode } from '../errors.ts'

export type RetryCause = 'throttled' | 'timeout' | 'network' | 'server' | 'clockSkew'

/** The fields of an SDK or Node error that decide; all optional, as anything may be thrown. */
interface AwsFailure {
  name: string
  message: string
  /** Node's own code, such as ECONNRESET. */
  nodeCode: string
  statusCode: number
  clockSkewCorrected: boolean
}

const throttling = new Set([
  'BandwidthLimitExceeded',
  'EC2ThrottledException',
  'PriorRequestNotComplete',
  'RequestLimitExceeded',
  'RequestThrottled',
  'RequestThrottledException',
  'SlowDown',
  'ThrottledException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
])
const networkCodes = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ERR_PROXY_TUNNEL',
])
const timeoutCodes = new Set(['ETIMEDOUT', 'ESOCKETTIMEDOUT'])
/** S3's RequestTimeout is a 400 about a socket that fell silent. */
const timeoutNames = new Set(['TimeoutError', 'RequestTimeout', 'RequestTimeoutException'])
const invalidCredentials = new Set([
  'AuthFailure',
  'IncompleteSignature',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
])
const expired = new Set(['ExpiredToken', 'ExpiredTokenException', 'RequestExpired', 'TokenRefreshRequired'])
const skewed = new Set(['RequestInTheFuture', 'RequestTimeTooSkewed'])
/**
 * Codes behind which a wrong clock may stand. The SDK marks every error that comes while its clock is corrected by four
 * minutes or more, so the mark alone says nothing.
 */
const maybeSkewed = new Set([
  'AuthFailure',
  'InvalidSignatureException',
  'RequestExpired',
  'RequestInTheFuture',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
])
const denied = new Set([
  'AccessDenied',
  'AccessDeniedException',
  'AllAccessDisabled',
  'Forbidden',
  'UnauthorizedOperation',
])
const quotas = new Set([
  'ConcurrentSnapshotLimitExceeded',
  'PendingSnapshotLimitExceeded',
  'ResourceCountLimitExceeded',
  'ResourceLimitExceeded',
  'SnapshotLimitExceeded',
  'TooManyBuckets',
])

/** Why a failed request is worth sending again; undefined for every refusal of credentials, permission or input. */
export function retryCause(thrown: unknown): RetryCause | undefined {
  if (thrown instanceof ApplianceError) return undefined
  return causeOf(describe(thrown))
}

function causeOf(failure: AwsFailure): RetryCause | undefined {
  if (failure.clockSkewCorrected && (maybeSkewed.has(failure.name) || isWordless(failure))) return 'clockSkew'
  if (throttling.has(failure.name) || failure.statusCode === 429) return 'throttled'
  // Before the name: the SDK calls a connection that was reset a TimeoutError, too.
  if (networkCodes.has(failure.nodeCode)) return 'network'
  if (timeoutNames.has(failure.name) || timeoutCodes.has(failure.nodeCode)) return 'timeout'
  // 501 is an answer, not a failure.
  if (failure.statusCode >= 500 && failure.statusCode !== 501) return 'server'
  return undefined
}

/** AWS's own code of an error, such as `NoSuchUpload`; for a HEAD without a body, the status as text. */
export function awsCode(thrown: unknown): string {
  const cause = thrown instanceof ApplianceError && thrown.cause !== undefined ? thrown.cause : thrown
  return describe(cause).name
}

export function awsStatus(thrown: unknown): number {
  const cause = thrown instanceof ApplianceError && thrown.cause !== undefined ? thrown.cause : thrown
  return describe(cause).statusCode
}

/** The error that `action` (an IAM action, such as `s3:PutObject`) ended with, named and with a hint. */
export function awsError(action: string, thrown: unknown): ApplianceError {
  if (thrown instanceof ApplianceError) return thrown
  const failure = describe(thrown)
  const [code, hint] = meaningOf(failure, action)
  const text = withoutEncodedMessage(failure.message)
  const words = text === '' || text === failure.name ? failure.name : `${failure.name}: ${text}`
  const said = isWordless(failure) ? `HTTP status ${failure.statusCode}` : words
  return new ApplianceError(code, `AWS did not carry out ${missingAction(failure, action)}: ${said}`, {
    cause: thrown,
    hint,
  })
}

function meaningOf(failure: AwsFailure, action: string): [ErrorCode, string] {
  const { name, message } = failure
  if (skewed.has(name) || /signature (expired|not yet current)/i.test(message)) {
    return ['AWS_CLOCK_SKEW', "The appliance's clock differs from AWS's by more than 5 minutes: set its NTP server."]
  }
  if (expired.has(name)) {
    return ['AWS_CREDENTIALS_EXPIRED', 'The session token has expired: enter fresh credentials in the AWS settings.']
  }
  if (throttling.has(name) || failure.statusCode === 429) {
    return [
      'AWS_THROTTLED',
      'AWS limits how often this account may ask: run fewer servers at once, or ask AWS for a higher limit.',
    ]
  }
  if (quotas.has(name)) {
    return [
      'AWS_QUOTA_EXCEEDED',
      'A quota of this AWS account is used up: wait for other work to end, or raise it in Service Quotas.',
    ]
  }
  if (invalidCredentials.has(name)) {
    return [
      'AWS_CREDENTIALS_INVALID',
      'Check access key id and secret access key in the AWS settings, and that the key is active.',
    ]
  }
  if (denied.has(name) || failure.statusCode === 403) {
    return [
      'AWS_PERMISSION_MISSING',
      `Allow ${missingAction(failure, action)} to the connector: compare its policy with the one that Settings offers for download.`,
    ]
  }
  if (name === 'NoSuchBucket') {
    return ['BUCKET_MISSING', "The connector's bucket is gone: save the AWS settings again, which makes a new one."]
  }
  if (/^KMS\.|KmsKey|KMSInvalid|^NotFoundException$|^DisabledException$/.test(name)) {
    return [
      'KMS_KEY_UNUSABLE',
      'Check that the KMS key is in this Region, enabled, and that its policy allows the connector.',
    ]
  }
  if (causeOf(failure) !== undefined) {
    return [
      'AWS_UNREACHABLE',
      'Check network, DNS, proxy and endpoint settings, and the AWS Health Dashboard; then run again.',
    ]
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO|^ERR_TLS|^ERR_SSL|EPROTO/.test(failure.nodeCode)) {
    return [
      'AWS_UNREACHABLE',
      "The endpoint's certificate is not trusted: a proxy that inspects TLS needs its CA uploaded.",
    ]
  }
  return [
    'AWS_REQUEST_REFUSED',
    "AWS's own words say what it did not accept; if they do not help, download the log bundle.",
  ]
}

/** The answer to a HEAD has no body, and so no words: the SDK then says Unknown: UnknownError. */
function isWordless({ name }: AwsFailure): boolean {
  return name === 'Unknown' || name === 'UnknownError'
}

/** AWS often names the action that is missing, which may be another than the one called (`kms:CreateGrant`, `ec2:CreateTags`). */
function missingAction(failure: AwsFailure, action: string): string {
  return /not authorized to perform:?\s+([a-z0-9-]+:[A-Za-z*]+)/.exec(failure.message)?.[1] ?? action
}

/** EC2 appends a kilobyte that only `sts:DecodeAuthorizationMessage` can read. */
function withoutEncodedMessage(message: string): string {
  return message.replace(/\s*Encoded authorization failure message:.*$/s, '')
}

function describe(thrown: unknown): AwsFailure {
  if (typeof thrown !== 'object' || thrown === null) {
    return { name: 'Error', message: String(thrown), nodeCode: '', statusCode: 0, clockSkewCorrected: false }
  }
  const { name, message, code, $metadata, cause } = thrown as Record<string, unknown>
  const metadata = ($metadata ?? {}) as { httpStatusCode?: number; clockSkewCorrected?: boolean }
  const inner = (typeof cause === 'object' && cause !== null ? cause : {}) as { code?: unknown }
  return {
    name: typeof name === 'string' ? name : 'Error',
    message: typeof message === 'string' ? message : '',
    nodeCode: typeof code === 'string' ? code : typeof inner.code === 'string' ? inner.code : '',
    statusCode: metadata.httpStatusCode ?? 0,
    clockSkewCorrected: metadata.clockSkewCorrected === true,
  }
}
