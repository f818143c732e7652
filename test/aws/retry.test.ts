import t from 'tap'
import { pause, pollPause, withRetries } from '../../appliance/aws/retry.ts'

const reset = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' })
const denied = () => Object.assign(new Error('no'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } })

t.test('a request is repeated until it succeeds, and each repetition is counted with its cause', async t => {
  let attempts = 0
  const causes: string[] = []
  const answer = await withRetries(
    's3:PutObject',
    async () => {
      attempts++
      if (attempts < 3) throw reset()
      return 'done'
    },
    { onRetry: cause => causes.push(cause) },
  )
  t.equal(answer, 'done')
  t.same(causes, ['network', 'network'])
})

t.test('a refusal ends it at once, with a name', async t => {
  let attempts = 0
  const send = async () => {
    attempts++
    throw denied()
  }
  await t.rejects(withRetries('s3:PutObject', send), { code: 'AWS_PERMISSION_MISSING', message: /s3:PutObject/ })
  t.equal(attempts, 1)
})

t.test('a refusal that comes again after the clock was corrected is not about the clock', async t => {
  const causes: string[] = []
  const $metadata = { httpStatusCode: 400, clockSkewCorrected: true }
  const send = async () => {
    throw Object.assign(new Error('Request has expired.'), { name: 'RequestExpired', $metadata })
  }
  const asked = withRetries('ec2:ImportSnapshot', send, { onRetry: cause => causes.push(cause) })
  await t.rejects(asked, { code: 'AWS_CREDENTIALS_EXPIRED' })
  t.same(causes, ['clockSkew'])
})

t.test('attempts are limited', async t => {
  let attempts = 0
  const send = async () => {
    attempts++
    throw reset()
  }
  await t.rejects(withRetries('s3:PutObject', send, { attempts: 2 }), { code: 'AWS_UNREACHABLE' })
  t.equal(attempts, 2)
})

t.test("an abort ends a wait at once, with the signal's own reason", async t => {
  const stop = new AbortController()
  const send = async () => {
    throw reset()
  }
  const failing = withRetries('s3:PutObject', send, {
    signal: stop.signal,
    onRetry: () => stop.abort(new Error('cancelled')),
  })
  await t.rejects(failing, { message: 'cancelled' })
  await t.rejects(
    withRetries('s3:PutObject', async () => 1, { signal: stop.signal }),
    { message: 'cancelled' },
  )
  await t.rejects(pause(60_000, stop.signal), { message: 'cancelled' })
  await t.rejects(pollPause(60_000, stop.signal), { message: 'cancelled' })
})
