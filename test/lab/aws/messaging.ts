// SNS and SQS: moto answers, but only after signature, permission and what it does not check itself were checked here.
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { authorize, type Call } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import { parseJson, type WireAnswer } from './ebs-request.ts'
import type { SignedRequest } from './sigv4.ts'

/** SNS API Reference, Publish: message and attributes together. */
const maximumMessageBytes = 262_144

/** Answers one request of either service, whose signature has been checked. */
export async function messaging(call: Call, request: SignedRequest): Promise<WireAnswer> {
  const { moto } = call.lab.config
  if (moto === undefined) throw new AwsError('UnknownService', 'The lab was started without moto', 404)
  if (call.service === 'sns') checkSns(call, new URLSearchParams(request.body.toString('utf8')))
  else authorize(call, `sqs:${call.operation}`, queueArn(call, parseJson(request.body)))
  return forward(moto, call, request)
}

function checkSns(call: Call, form: URLSearchParams): void {
  const { region, accountId } = call.lab
  const name = form.get('Name')
  const arn = form.get('TopicArn') ?? form.get('TargetArn')
  // Actions are written in this case in the service's own refusals.
  authorize(call, `SNS:${call.operation}`, arn ?? (name === null ? '*' : `arn:aws:sns:${region}:${accountId}:${name}`))
  if (arn !== null) checkTopic(call, arn)
  if (call.operation === 'Publish') checkPublish(form)
}

/** A topic is reached in its own Region only, and one of another account by its policy only, which the lab has none of. */
function checkTopic(call: Call, arn: string): void {
  const [, , service, region, account, topic] = arn.split(':')
  if (service !== 'sns' || topic === undefined || region !== call.lab.region) throw invalid('TopicArn')
  if (account !== call.lab.accountId) {
    const message = `User: ${call.principal.arn} is not authorized to perform: SNS:${call.operation} on resource: ${arn} because no resource-based policy allows the SNS:${call.operation} action`
    throw new AwsError('AuthorizationError', message, 403)
  }
}

/** SNS API Reference, Publish: moto looks at the subject's length only. */
function checkPublish(form: URLSearchParams): void {
  const subject = form.get('Subject')
  if (subject !== null && !/^[\x21-\x7e][\x20-\x7e]{0,98}$/.test(subject)) throw invalid('Subject')
  const message = form.get('Message') ?? ''
  if (message === '') throw invalid('Empty message')
  const attributes = [...form].filter(([key]) => key.startsWith('MessageAttributes.')).map(([, value]) => value)
  if (Buffer.byteLength([message, ...attributes].join('')) > maximumMessageBytes) throw invalid('Message too long')
  if (form.get('MessageStructure') === 'json') checkStructure(message)
}

function checkStructure(message: string): void {
  let parsed: unknown
  try {
    parsed = JSON.parse(message)
  } catch {
    throw invalid('Message Structure - JSON message body failed to parse')
  }
  const texts = typeof parsed === 'object' && parsed !== null ? Object.entries(parsed) : []
  if (!texts.some(([protocol]) => protocol === 'default'))
    throw invalid('Message Structure - No default entry in JSON message body')
  // Values that are no texts are dropped by AWS without a word: here they are a mistake.
  if (texts.some(([, text]) => typeof text !== 'string')) throw invalid('Message Structure - an entry is no text')
}

function invalid(what: string): AwsError {
  return new AwsError('InvalidParameter', `Invalid parameter: ${what}`)
}

function queueArn(call: Call, input: object): string {
  const { QueueName: name, QueueUrl: url } = input as { QueueName?: string; QueueUrl?: string }
  const queue = name ?? url?.split('/').at(-1)
  return queue === undefined ? '*' : `arn:aws:sqs:${call.lab.region}:${call.lab.accountId}:${queue}`
}

/** Passes the request on as it came: moto reads service and Region from its signature, and makes URLs of queues from its Host. */
async function forward(moto: string, call: Call, request: SignedRequest): Promise<WireAnswer> {
  const headers = { ...request.headers, 'x-moto-account-id': call.lab.accountId }
  const path = request.rawQuery === '' ? request.rawPath : `${request.rawPath}?${request.rawQuery}`
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    httpRequest(new URL(path, moto), { method: request.method, headers }, resolve).on('error', reject).end(request.body)
  })
  const chunks: Buffer[] = []
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk)
  const kept = ['content-type', 'x-amzn-errortype', 'x-amzn-query-error']
  return {
    statusCode: answer.statusCode ?? 502,
    headers: Object.fromEntries(
      kept.flatMap(name => (answer.headers[name] === undefined ? [] : [[name, String(answer.headers[name])]])),
    ),
    body: Buffer.concat(chunks).toString('utf8'),
  }
}
