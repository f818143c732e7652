// Publishing to SNS: what subscribers receive, read back by boto3, and what is refused.
import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import t from 'tap'
import { asSubject, publishToTopic } from '../../appliance/aws/sns.ts'
import { ApplianceError } from '../../appliance/errors.ts'
import type { Lab } from '../lab/lab.ts'
import { tools } from '../lab/tools.ts'
import { awsCli, awsLab, connect } from './aws-lab.ts'

/** Makes topic and queue as the account `admin`, by a client that is not ours. */
const boto = (lab: Lab, script: string, ...args: string[]) => {
  const { endpoint, region, admin } = lab.aws
  const prelude = `
import boto3, json, sys
session = boto3.session.Session('${admin.accessKeyId}', '${admin.secretAccessKey}', region_name='${region}')
sns = session.client('sns', endpoint_url='${endpoint}')
sqs = session.client('sqs', endpoint_url='${endpoint}')
`
  return promisify(execFile)(tools.python, ['-c', prelude + script, ...args]).then(({ stdout }) => JSON.parse(stdout))
}

const subscribed = `
name = sys.argv[1]
fifo = {'FifoTopic': 'true'} if name.endswith('.fifo') else {}
topic = sns.create_topic(Name=name, Attributes=fifo)['TopicArn']
queue = sqs.create_queue(QueueName=name, Attributes={'FifoQueue': 'true'} if fifo else {})['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)
print(json.dumps({'topic': topic, 'queue': queue}))
`
const received = `
messages = sqs.receive_message(QueueUrl=sys.argv[1], MaxNumberOfMessages=10).get('Messages', [])
print(json.dumps([json.loads(message['Body']) for message in messages]))
`
interface Envelope {
  Subject: string
  Message: string
  TopicArn: string
  MessageAttributes: Record<string, { Type: string; Value: string }>
}

t.test('a subject is what SNS takes', async t => {
  t.equal(asSubject('Größe 💾 of “db”\r\nBcc: x'), 'Gro?e ? of ?db? Bcc: x')
  t.equal(asSubject('x'.repeat(200)).length, 99)
  t.equal(asSubject(' \u0000\n'), 'Hoist')
  t.match(asSubject('— failed'), /^[\x21-\x7e]/)
})

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients, retries } = connect(t, lab, { settings: { endpoints: { sns: lab.aws.endpoint } } })
  const message = {
    clients,
    subject: 'web01: run failed',
    text: 'The run failed.\nFree space on the datastore.',
    document: { event: 'runFailed', id: 'runFailed:1' },
    attributes: { event: 'runFailed' },
    id: 'runFailed:1',
  }
  const { topic, queue } = await boto(lab, subscribed, 'hoist-events')

  t.test('a queue gets the document for programs, with subject and attributes', async t => {
    t.match(await publishToTopic({ ...message, topicArn: topic }), /^[0-9a-f-]{36}$/)
    const [envelope] = (await boto(lab, received, queue)) as Envelope[]
    t.match(envelope, { Subject: message.subject, TopicArn: topic })
    t.strictSame(JSON.parse(envelope?.Message ?? ''), message.document)
    t.match(envelope?.MessageAttributes, { event: { Type: 'String', Value: 'runFailed' } })
  })

  t.test('a web server that subscribed gets it too', async t => {
    const bodies: string[] = []
    const server = createServer((request, response) => {
      request.setEncoding('utf8').on('data', (text: string) => bodies.push(text))
      request.on('end', () => response.end())
    })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => server.close())
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const { TopicArn: own } = await awsCli<{ TopicArn: string }>(lab, 'sns', 'create-topic', '--name', 'hoist-web')
    await awsCli(lab, 'sns', 'subscribe', '--topic-arn', own, '--protocol', 'http', '--notification-endpoint', url)
    bodies.length = 0
    await publishToTopic({ ...message, topicArn: own })
    t.match(JSON.parse(bodies.join('')), { Type: 'Notification', Message: JSON.stringify(message.document) })
  })

  t.test('a FIFO topic takes the same occasion once', async t => {
    const fifo = await boto(lab, subscribed, 'hoist-events.fifo')
    await publishToTopic({ ...message, topicArn: fifo.topic })
    await publishToTopic({ ...message, topicArn: fifo.topic })
    t.equal((await boto(lab, received, fifo.queue)).length, 1)
  })

  t.test('what is refused says so and what to do, and is not tried again', async t => {
    retries.length = 0
    const code = async (topicArn: string) => {
      const error = await publishToTopic({ ...message, topicArn }).catch((thrown: unknown) => thrown)
      return error instanceof ApplianceError ? [error.code, error.hint] : error
    }
    t.match(await code(topic.replace('hoist-events', 'hoist-none')), ['AWS_REQUEST_REFUSED', /no such topic/])
    t.match(await code(topic.replace('eu-central-1', 'eu-west-1')), ['AWS_REQUEST_REFUSED', /own Region/])
    t.match(await code(topic.replace('hoist-events', 'others')), ['AWS_PERMISSION_MISSING', /sns:Publish/])
    t.match(await code(topic.replace('111122223333', '444455556666')), ['AWS_PERMISSION_MISSING', /sns:Publish/])
    t.strictSame(retries, [])
    const wrong = connect(t, lab, {
      key: { ...lab.aws.connector, secretAccessKey: 'x'.repeat(40) },
      settings: { endpoints: { sns: lab.aws.endpoint } },
    })
    await t.rejects(publishToTopic({ ...message, clients: wrong.clients, topicArn: topic }), {
      code: 'AWS_CREDENTIALS_INVALID',
    })
  })

  t.test('a failure that passes is tried again, within the attempts that are left', async t => {
    const fault = { service: 'sns', operation: 'Publish', kind: 'error', code: 'InternalError', statusCode: 500 }
    await lab.awsControl('POST', '/faults', fault)
    await publishToTopic({ ...message, topicArn: topic })
    t.strictSame(retries, ['server sns:Publish'])
    await lab.awsControl('POST', '/faults', fault)
    await t.rejects(publishToTopic({ ...message, topicArn: topic }, { attempts: 1 }), { code: 'AWS_UNREACHABLE' })
    await lab.awsControl('POST', '/faults', { service: 'sns', kind: 'expiredToken' })
    await t.rejects(publishToTopic({ ...message, topicArn: topic }), { code: 'AWS_CREDENTIALS_EXPIRED' })
  })
})
