// Missing actions by name, by both ways of finding them out, under policies that lack one.
import t from 'tap'
import { identify } from '../../appliance/aws/credentials.ts'
import { missingActions } from '../../appliance/aws/missing-actions.ts'
import {
  connectorPolicy,
  defaultBucketPrefix,
  type PolicyDocument,
  selfCheckSid,
} from '../../appliance/aws/permissions.ts'
import { awsCli, awsLab, connect, connectorId, makeBucket } from './aws-lab.ts'

t.setTimeout(120_000)
const policy = connectorPolicy({
  ...{ partition: 'aws', accountId: '111122223333', region: 'eu-central-1' },
  bucketPrefix: defaultBucketPrefix,
})
const lab = await awsLab(t)
const { clients } = connect(t, lab)
const identity = await identify(clients)
const bucket = await makeBucket(lab, clients)
const given = { clients, identity, policy, connectorId, importRoleName: 'vmimport' }
const look = () => missingActions({ ...given, bucket })

function without(action: string, Statement = policy.Statement): PolicyDocument['Statement'] {
  return Statement.flatMap(statement => {
    const left = [statement.Action].flat().filter(one => one !== action)
    return left.length === 0 ? [] : [{ ...statement, Action: left }]
  })
}
const grant = (Statement: PolicyDocument['Statement']) =>
  awsCli(
    lab,
    ...['iam', 'put-user-policy', '--user-name', 'connector', '--policy-name', 'connector'],
    ...['--policy-document', JSON.stringify({ Version: '2012-10-17', Statement })],
  )
const all = [...new Set(policy.Statement.flatMap(({ Action }) => [Action].flat()))]

t.test('under the documented policy nothing is missing, and IAM itself says so', async t => {
  t.same(await look(), { missing: [], unchecked: [], checkedBy: 'simulation' })
  t.same(
    await missingActions(given),
    { missing: [], unchecked: [], checkedBy: 'simulation' },
    'before there is a bucket',
  )
})

t.test('each action that is taken away is named', async t => {
  for (const action of all.filter(one => one !== 'iam:SimulatePrincipalPolicy')) {
    await grant(without(action))
    t.same((await look()).missing, [action])
  }
  await grant(policy.Statement)
})

t.test('where IAM may not be asked, what changes nothing is tried', async t => {
  const blind = policy.Statement.filter(({ Sid }) => Sid !== selfCheckSid)
  await grant(blind)
  const { missing, unchecked, checkedBy } = await look()
  t.same({ missing, checkedBy }, { missing: [], checkedBy: 'dryRun' })
  for (const action of all.filter(one => one !== 'iam:SimulatePrincipalPolicy' && !unchecked.includes(one))) {
    await grant(without(action, blind))
    t.same((await look()).missing, [action])
  }
  t.ok(unchecked.includes('s3:PutObject') && unchecked.includes('ec2:DeleteSnapshot'), 'what would change something')
  t.notOk(unchecked.includes('ec2:ImportImage'))
  const images = await awsCli<{ Images: unknown[] }>(lab, 'ec2', 'describe-images', '--owners', 'self')
  t.same(images.Images, [], 'nothing was made')
})

t.test('a line that is lost is no answer', async t => {
  await lab.awsControl('POST', '/faults', { service: 'iam', kind: 'expiredToken' })
  await t.rejects(look(), { code: 'AWS_CREDENTIALS_EXPIRED' })
  await lab.awsControl('DELETE', '/faults')
  const signal = AbortSignal.abort(new Error('enough'))
  await t.rejects(missingActions({ ...given, bucket, signal }), /enough/)
})
