import t from 'tap'
import { awsCode, awsError, awsStatus, retryCause } from '../../appliance/aws/aws-errors.ts'

const failure = (name: string, message = name, httpStatusCode?: number, extra: Record<string, unknown> = {}) =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode }, ...extra })

t.test('what a wait can cure is repeated, and its cause is named', async t => {
  t.equal(retryCause(failure('SlowDown', 'Please reduce your request rate.', 503)), 'throttled')
  t.equal(retryCause(failure('RequestLimitExceeded', '', 503)), 'throttled')
  t.equal(retryCause(failure('InternalError', '', 500)), 'server')
  t.equal(retryCause(failure('TimeoutError')), 'timeout')
  t.equal(retryCause(failure('RequestTimeout', '', 400)), 'timeout')
  t.equal(retryCause(failure('Error', 'socket hang up', undefined, { code: 'ECONNRESET' })), 'network')
  t.equal(retryCause(failure('Error', '', undefined, { cause: { code: 'EAI_AGAIN' } })), 'network')
  t.equal(
    retryCause(Object.assign(failure('RequestTimeTooSkewed', '', 403), { $metadata: { clockSkewCorrected: true } })),
    'clockSkew',
  )
})

t.test('refusals of credentials, permission and input are never repeated', async t => {
  for (const [name, status] of [
    ['InvalidAccessKeyId', 403],
    ['ExpiredToken', 400],
    ['AccessDenied', 403],
    ['UnauthorizedOperation', 403],
    ['InvalidParameterValue', 400],
    ['NotImplemented', 501],
    ['ResourceCountLimitExceeded', 400],
  ] as const) {
    t.equal(retryCause(failure(name, '', status)), undefined, name)
  }
  t.equal(retryCause('text'), undefined)
})

t.test('an error that comes while the clock is corrected is what it says it is', async t => {
  const marked = (name: string, status: number) =>
    Object.assign(failure(name, '', status), { $metadata: { httpStatusCode: status, clockSkewCorrected: true } })
  t.equal(retryCause(marked('SlowDown', 503)), 'throttled')
  t.equal(retryCause(marked('InternalError', 500)), 'server')
  t.equal(retryCause(marked('NoSuchUpload', 404)), undefined)
  t.equal(retryCause(marked('Unknown', 403)), 'clockSkew', 'a HEAD is refused without words')
  t.equal(awsError('s3:PutObject', marked('NoSuchBucket', 404)).code, 'BUCKET_MISSING')
  t.equal(awsError('s3:PutObject', marked('ExpiredToken', 400)).code, 'AWS_CREDENTIALS_EXPIRED')
})

t.test('each refusal gets its code', async t => {
  const code = (thrown: unknown) => awsError('s3:PutObject', thrown).code
  t.equal(code(failure('SignatureDoesNotMatch', '', 403)), 'AWS_CREDENTIALS_INVALID')
  t.equal(code(failure('AuthFailure', '', 401)), 'AWS_CREDENTIALS_INVALID')
  t.equal(code(failure('ExpiredTokenException', '', 400)), 'AWS_CREDENTIALS_EXPIRED')
  t.equal(code(failure('RequestTimeTooSkewed', '', 403)), 'AWS_CLOCK_SKEW')
  t.equal(
    code(failure('SignatureDoesNotMatch', 'Signature expired: 20261121T000000Z is now earlier than', 403)),
    'AWS_CLOCK_SKEW',
  )
  t.equal(code(failure('SlowDown', '', 503)), 'AWS_THROTTLED')
  t.equal(code(failure('ResourceCountLimitExceeded', '', 400)), 'AWS_QUOTA_EXCEEDED')
  t.equal(code(failure('NoSuchBucket', '', 404)), 'BUCKET_MISSING')
  t.equal(code(failure('KMS.DisabledException', '', 400)), 'KMS_KEY_UNUSABLE')
  t.equal(code(failure('InternalError', '', 500)), 'AWS_UNREACHABLE')
  t.equal(code(failure('Error', '', undefined, { code: 'ECONNREFUSED' })), 'AWS_UNREACHABLE')
  t.equal(code(failure('Error', '', undefined, { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })), 'AWS_UNREACHABLE')
  t.equal(code(failure('InvalidParameterValue', '', 400)), 'AWS_REQUEST_REFUSED')
  t.equal(code('text'), 'AWS_REQUEST_REFUSED')
})

t.test('a missing permission names the action that AWS names, without the encoded tail', async t => {
  const said =
    'You are not authorized to perform this operation. User: arn:aws:iam::111122223333:user/hoist is not authorized to perform: ec2:CreateTags on resource: * Encoded authorization failure message: AAAABBBB'
  const error = awsError('ec2:ImportSnapshot', failure('UnauthorizedOperation', said, 403))
  t.equal(error.code, 'AWS_PERMISSION_MISSING')
  t.match(error.hint, /ec2:CreateTags/)
  t.notMatch(error.message, /AAAABBBB/)
  const head = awsError('s3:ListBucket', failure('Unknown', 'UnknownError', 403))
  t.match(head, { code: 'AWS_PERMISSION_MISSING', message: /HTTP status 403/, hint: /s3:ListBucket/ })
})

t.test("AWS's own code and status are found again in what they became", async t => {
  const error = awsError('s3:PutObject', failure('NoSuchUpload', '', 404))
  t.equal(awsCode(error), 'NoSuchUpload')
  t.equal(awsStatus(error), 404)
  t.equal(awsError('s3:PutObject', error), error)
})
