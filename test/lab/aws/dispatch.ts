// One AWS request from the wire to its answer: authenticated, handled, worded.
import { randomUUID } from 'node:crypto'
import * as ec2Client from '@aws-sdk/client-ec2'
import * as iamClient from '@aws-sdk/client-iam'
import * as stsClient from '@aws-sdk/client-sts'
import { authenticate, services } from './authenticate.ts'
import type { Call, Service } from './authorize.ts'
import { AwsError } from './aws-error.ts'
import type { Lab } from './config.ts'
import { getSnapshotBlock, listChangedBlocks, listSnapshotBlocks } from './ebs-read.ts'
import { jsonAnswer, parseEbsRequest, parseJson, type WireAnswer } from './ebs-request.ts'
import { completeSnapshot, putSnapshotBlock, startSnapshot } from './ebs-write.ts'
import { imageOperations } from './ec2-images.ts'
import { importOperations } from './ec2-import.ts'
import { importTaskOperations } from './ec2-import-tasks.ts'
import { instanceOperations } from './ec2-instances.ts'
import { snapshotOperations } from './ec2-snapshots.ts'
import { tagOperations } from './ec2-tags.ts'
import { iamOperations } from './iam.ts'
import { kmsOperations } from './kms.ts'
import { messaging } from './messaging.ts'
import { parseAuthorization, type SignedRequest } from './sigv4.ts'
import { stsOperations } from './sts.ts'
import { decodeInput, encodeError, encodeOutput, operationSchema, parseForm, type QueryDialect } from './wire-query.ts'

/** Inputs are decoded by the operation's own schema, so each handler gets the shape that it names. */
type Handler = (input: never, call: Call) => unknown

type QueryService = { dialect: QueryDialect; namespace: string; client: object; operations: Record<string, Handler> }

const queryServices: Partial<Record<Service, QueryService>> = {
  ec2: {
    dialect: 'ec2',
    namespace: 'http://ec2.amazonaws.com/doc/2016-11-15/',
    client: ec2Client,
    operations: {
      ...snapshotOperations,
      ...imageOperations,
      ...importOperations,
      ...importTaskOperations,
      ...instanceOperations,
      ...tagOperations,
    },
  },
  sts: {
    dialect: 'query',
    namespace: 'https://sts.amazonaws.com/doc/2011-06-15/',
    client: stsClient,
    operations: stsOperations,
  },
  iam: {
    dialect: 'query',
    namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
    client: iamClient,
    operations: iamOperations,
  },
}

const ebsOperations = {
  StartSnapshot: startSnapshot,
  PutSnapshotBlock: putSnapshotBlock,
  CompleteSnapshot: completeSnapshot,
  ListSnapshotBlocks: listSnapshotBlocks,
  GetSnapshotBlock: getSnapshotBlock,
  ListChangedBlocks: listChangedBlocks,
}

export async function answerAws(lab: Lab, request: SignedRequest): Promise<WireAnswer> {
  const requestId = randomUUID()
  const scope = parseAuthorization(request.headers.authorization)?.service
  const service = services.find(one => one === scope)
  let answer: WireAnswer
  try {
    if (service === undefined && scope !== undefined) {
      throw new AwsError('UnknownService', `The lab has no service ${scope}`, 404)
    }
    const { stored } = authenticate(lab, request)
    const operation = operationName(service, request)
    const call: Call = { lab, service: service as Service, operation, requestId, principal: stored.principal }
    answer = await handle(call, request)
  } catch (error) {
    answer = errorAnswer(service, error instanceof AwsError ? error : internalError(error, service), requestId)
  }
  // Clients correct their clock by this.
  const stamp = { 'x-amzn-RequestId': requestId, date: new Date(lab.now()).toUTCString() }
  return { ...answer, headers: { ...answer.headers, ...stamp } }
}

function operationName(service: Service | undefined, request: SignedRequest): string {
  if (service === 'ebs') return parseEbsRequest(request).operation
  if (service === 'kms' || service === 'sqs') return (request.headers['x-amz-target'] ?? '').replace(/^\w+\./, '')
  return new URLSearchParams(request.body.toString('utf8')).get('Action') ?? ''
}

async function handle(call: Call, request: SignedRequest): Promise<WireAnswer> {
  if (call.service === 'ebs') {
    const ebs = parseEbsRequest(request)
    return ebsOperations[ebs.operation as keyof typeof ebsOperations](ebs, call)
  }
  if (call.service === 'kms') {
    const handler = (kmsOperations as Record<string, Handler>)[call.operation]
    if (handler === undefined) throw new AwsError('UnknownOperationException', `The lab's KMS has no ${call.operation}`)
    const output = await handler(parseJson(request.body) as never, call)
    const headers = { 'content-type': 'application/x-amz-json-1.1' }
    return output === undefined
      ? { statusCode: 200, headers, body: '' }
      : { ...jsonAnswer(200, output as object), headers }
  }
  if (call.service === 'sns' || call.service === 'sqs') return messaging(call, request)
  const query = queryServices[call.service]
  const schema = query && operationSchema(query.client, call.operation)
  const handler = query?.operations[call.operation]
  if (query === undefined || schema === undefined || handler === undefined) {
    throw new AwsError('InvalidAction', `The action ${call.operation} is not valid for this web service.`)
  }
  const input = decodeInput(query.dialect, schema.input, parseForm(request.body.toString('utf8')))
  const output = (await handler(input as never, call)) as object
  return {
    statusCode: 200,
    headers: { 'content-type': 'text/xml;charset=UTF-8' },
    body: encodeOutput(query.dialect, call.operation, query.namespace, schema.output, output, call.requestId),
  }
}

/** What went wrong in the lab itself: shown on stderr, and as AWS shows its own. */
function internalError(error: unknown, service: Service | undefined): AwsError {
  process.stderr.write(`lab aws: ${error instanceof Error ? error.stack : String(error)}\n`)
  return service === 'ebs' || service === 'kms' || service === 'sqs'
    ? new AwsError('InternalServerException', 'An internal error has occurred.', 500)
    : new AwsError('InternalError', 'An internal error has occurred', 500)
}

function errorAnswer(service: Service | undefined, error: AwsError, requestId: string): WireAnswer {
  if (service === 'ebs' || service === 'kms' || service === 'sqs') {
    const body =
      service === 'ebs' ? { Message: error.message, ...error.details } : { __type: error.code, message: error.message }
    const answer = jsonAnswer(error.statusCode, body)
    if (service !== 'ebs') answer.headers['content-type'] = 'application/x-amz-json-1.1'
    answer.headers['x-amzn-ErrorType'] = error.code
    return answer
  }
  return {
    statusCode: error.statusCode,
    headers: { 'content-type': 'text/xml;charset=UTF-8' },
    body: encodeError(service === 'ec2' ? 'ec2' : 'query', error, requestId),
  }
}
