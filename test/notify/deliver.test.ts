// One notification to each kind of channel, with the channel's own secret.
import { execFile } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { deliverer } from '../../appliance/notify/deliver.ts'
import { awsLab, connect } from '../aws/aws-lab.ts'
import { tools } from '../lab/tools.ts'
import { makeIdentity } from '../vsphere/tls-server.ts'
import { mailServer } from './mail-server.ts'
import { channelTo, sample } from './samples.ts'

const never = () => Promise.reject(new ApplianceError('NOT_CONFIGURED', 'no AWS', { hint: 'h' }))
const now = () => new Date('2026-11-21T06:00:00.000Z')
const { signal } = new AbortController()

t.test('a webhook is signed with the key of its channel', async t => {
  const signatures: unknown[] = []
  const server = createServer((request, response) => {
    signatures.push(request.headers['hoist-signature'])
    response.end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const channel = channelTo({ kind: 'webhook', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` })
  const deliver = deliverer({ aws: never, secret: async id => (id === channel.id ? 'its key' : undefined), now })
  await deliver(channel, sample, signal)
  const seconds = now().getTime() / 1000
  const { id, event, at, title, text, details } = sample
  const body = JSON.stringify({ id, event, at, title, text, details })
  t.strictSame(signatures, [
    `t=${seconds},v1=${createHmac('sha256', 'its key').update(`${seconds}.${body}`).digest('hex')}`,
  ])
  await t.rejects(deliver({ ...channel, id: 'other' }, sample, signal), { code: 'WEBHOOK_FAILED', hint: /signing key/ })
  t.equal(signatures.length, 1)
})

t.test('a mail server gets the password of its channel', async t => {
  const identity = makeIdentity()
  const server = await mailServer(t, { security: 'starttls', identity, username: 'hoist', password: 'pass' })
  const channel = channelTo({
    ...{
      kind: 'smtp' as const,
      host: '127.0.0.1',
      port: server.port,
      security: 'starttls' as const,
      username: 'hoist',
    },
    ...{ from: 'a@example.com', to: ['b@example.com'] },
  })
  const deliver = deliverer({ aws: never, secret: async () => 'pass', now, caPem: identity.certificatePem })
  await deliver(channel, sample, signal)
  await server.settled()
  t.match(server.received, [{ login: 'hoist' }])
})

t.test('an SNS topic gets it by the connection to AWS, and says so when there is none', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab, { settings: { endpoints: { sns: lab.aws.endpoint } } })
  const { endpoint, region, admin } = lab.aws
  const python = `
import boto3, json, sys
session = boto3.session.Session('${admin.accessKeyId}', '${admin.secretAccessKey}', region_name='${region}')
sns, sqs = (session.client(name, endpoint_url='${endpoint}') for name in ('sns', 'sqs'))
queue = sqs.create_queue(QueueName='q')['QueueUrl']
`
  const run = async (script: string) =>
    JSON.parse((await promisify(execFile)(tools.python, ['-c', python + script])).stdout) as never
  const topicArn: string = await run(`
topic = sns.create_topic(Name='hoist-events')['TopicArn']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
sns.subscribe(TopicArn=topic, Protocol='sqs', Endpoint=arn)
print(json.dumps(topic))
`)
  const channel = channelTo({ kind: 'sns', topicArn })
  await deliverer({ aws: async () => clients, secret: async () => undefined, now })(channel, sample, signal)
  const body: { Subject: string; Message: string; MessageAttributes: object } = await run(`
print(sqs.receive_message(QueueUrl=queue)['Messages'][0]['Body'])
`)
  t.equal(body.Subject, `[Hoist] ${sample.title}`)
  t.strictSame(JSON.parse(body.Message), sample)
  t.match(body.MessageAttributes, { event: { Value: 'runFailed' }, id: { Value: sample.id } })
  const unset = deliverer({ aws: never, secret: async () => undefined, now })
  await t.rejects(unset(channel, sample, signal), { code: 'NOT_CONFIGURED' })
})
