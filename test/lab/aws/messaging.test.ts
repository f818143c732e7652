// The lab's SNS and SQS, driven by boto3: as strict as the other services with signatures, permissions and input.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { type AccessKey, startLab } from '../lab.ts'
import { tools } from '../tools.ts'

const lab = await startLab({ vcenter: false })
t.teardown(() => lab.stop())
const { endpoint, region, admin, connector } = lab.aws

/** Runs Python with clients `sns` and `sqs` and a function `code(call)` that names the error; gives what it printed as JSON. */
async function boto<T = string>(
  key: AccessKey & { sessionToken?: string },
  script: string,
  inRegion = region,
): Promise<T> {
  const prelude = `
import boto3, botocore, json, sys
key = json.loads(sys.argv[1])
session = boto3.session.Session(key['accessKeyId'], key['secretAccessKey'], key.get('sessionToken'), region_name='${inRegion}')
config = botocore.config.Config(retries={'max_attempts': 0})
sns, sqs = (session.client(name, endpoint_url='${endpoint}', config=config) for name in ('sns', 'sqs'))
topic = 'arn:aws:sns:${inRegion}:111122223333:hoist-events'
def code(call, **parameters):
    try:
        call(**parameters)
        return 'ok'
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code']
say = lambda what: print(json.dumps(what))
`
  const { stdout } = await promisify(execFile)(tools.python, ['-c', prelude + script, JSON.stringify(key)])
  return JSON.parse(stdout) as T
}

t.test('a topic with a queue passes messages on', async t => {
  const made = await boto<{ topic: string; queue: string; body: string }>(
    admin,
    `
made = sns.create_topic(Name='hoist-events')['TopicArn']
queue = sqs.create_queue(QueueName='q')['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
sns.subscribe(TopicArn=made, Protocol='sqs', Endpoint=arn)
sns.publish(TopicArn=made, Subject='s', Message='hello')
say({'topic': made, 'queue': queue, 'body': sqs.receive_message(QueueUrl=queue)['Messages'][0]['Body']})
`,
  )
  t.equal(made.topic, `arn:aws:sns:${region}:111122223333:hoist-events`)
  t.ok(made.queue.startsWith(endpoint), 'the queue is behind the same endpoint')
  t.match(JSON.parse(made.body), { Subject: 's', Message: 'hello', TopicArn: made.topic })
})

t.test('the connector may publish to its topics, and nothing else', async t => {
  const codes = await boto(
    connector,
    `
say([
  code(sns.publish, TopicArn=topic, Message='m'),
  code(sns.publish, TopicArn=topic.replace('hoist-events', 'others'), Message='m'),
  code(sns.create_topic, Name='hoist-more'),
  code(sns.list_topics),
  code(sns.subscribe, TopicArn=topic, Protocol='sqs', Endpoint='arn:aws:sqs:${region}:111122223333:q'),
  code(sns.delete_topic, TopicArn=topic),
  code(sqs.create_queue, QueueName='mine'),
  code(sqs.receive_message, QueueUrl='${endpoint}/111122223333/q'),
])
`,
  )
  t.strictSame(codes, ['ok', ...Array(5).fill('AuthorizationError'), ...Array(2).fill('AccessDenied')])
})

t.test('signatures are verified', async t => {
  const both = `say([code(sns.publish, TopicArn=topic, Message='m'), code(sqs.list_queues)])`
  const wrong = { ...admin, secretAccessKey: 'x'.repeat(40) }
  t.strictSame(await boto(wrong, both), ['SignatureDoesNotMatch', 'InvalidSignatureException'])
  const unknown = { ...admin, accessKeyId: 'AKIAIOSFODNN7EXAMPLE' }
  t.strictSame(await boto(unknown, both), ['InvalidClientTokenId', 'UnrecognizedClientException'])
  const stolen = { ...admin, sessionToken: 'made up' }
  t.strictSame(await boto(stolen, both), ['InvalidClientTokenId', 'UnrecognizedClientException'])
  t.strictSame(await boto(admin, both, 'eu-west-1'), ['SignatureDoesNotMatch', 'InvalidSignatureException'])
  await lab.awsControl('POST', '/clock', { skewMs: 20 * 60_000 })
  t.strictSame(await boto(admin, both), ['SignatureDoesNotMatch', 'InvalidSignatureException'])
  await lab.awsControl('POST', '/clock', { skewMs: 0 })
  t.strictSame(await boto(admin, both), ['ok', 'ok'])
})

t.test('what SNS refuses is refused here, where moto would take it', async t => {
  const codes = await boto<Record<string, string>>(
    admin,
    `
publish = lambda **more: code(sns.publish, **{'TopicArn': topic, 'Message': 'm', **more})
say({
  'line break': publish(Subject='a\\nb'),
  'umlaut': publish(Subject='gr\\u00f6\\u00dfer'),
  'blank first': publish(Subject=' a'),
  '100 characters': publish(Subject='x' * 100),
  'empty': publish(Message=''),
  'too long': publish(Message='x' * 262145),
  'no JSON': publish(MessageStructure='json', Message='hello'),
  'no default': publish(MessageStructure='json', Message='{"sqs": "x"}'),
  'no text': publish(MessageStructure='json', Message='{"default": {"a": 1}}'),
  'other Region': publish(TopicArn=topic.replace('${region}', 'eu-west-1')),
  'no topic': publish(TopicArn='nonsense'),
})
`,
  )
  for (const [what, code] of Object.entries(codes)) t.equal(code, 'InvalidParameter', what)
  const others = await boto(
    admin,
    `
say([
  code(sns.publish, TopicArn=topic.replace('111122223333', '444455556666'), Message='m'),
  code(sns.publish, TopicArn=topic + '-none', Message='m'),
  code(sns.publish, TopicArn=topic, Subject='x' * 99, Message='x' * 262144),
])
`,
  )
  t.strictSame(others, ['AuthorizationError', 'NotFound', 'ok'])
})

t.test('faults strike SNS in the words of its protocol', async t => {
  await lab.awsControl('POST', '/faults', { service: 'sns', operation: 'Publish', kind: 'expiredToken' })
  await lab.awsControl('POST', '/faults', {
    ...{ service: 'sns', operation: 'Publish', kind: 'error' },
    ...{ code: 'InternalError', statusCode: 500, message: 'm' },
  })
  const codes = await boto(admin, `say([code(sns.publish, TopicArn=topic, Message='m') for _ in range(3)])`)
  t.strictSame(codes, ['ExpiredToken', 'InternalError', 'ok'])
})
