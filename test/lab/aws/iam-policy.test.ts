// Policy evaluation by itself: wildcards, conditions, denials.
import t from 'tap'
import { evaluate, type PolicyDocument, requestContext } from './iam-policy.ts'

const arn = 'arn:aws:ec2:eu-central-1::snapshot/snap-1'
const decide = (statement: object, context = {}, action = 'ec2:DeleteSnapshot', resource = arn) =>
  evaluate(
    [{ Statement: [{ Effect: 'Allow', Action: '*', Resource: '*', ...statement }] } as PolicyDocument],
    action,
    resource,
    requestContext(context),
  )
const condition = (Condition: object, context = {}) => decide({ Condition }, context)

t.test('actions match without regard to case, with wildcards, and NotAction turns them round', async t => {
  t.equal(decide({ Action: 'EC2:delete*' }), 'allowed')
  t.equal(decide({ Action: ['ec2:DeleteSnapsho?'] }), 'allowed')
  t.equal(decide({ Action: 'ec2:Delete' }), 'implicitDeny')
  t.equal(decide({ Action: undefined, NotAction: 'ec2:Delete*' }), 'implicitDeny')
  t.equal(decide({ Action: undefined, NotAction: 's3:*' }), 'allowed')
})

t.test('resources match by pattern, variables and NotResource', async t => {
  t.equal(decide({ Resource: 'arn:aws:ec2:*::snapshot/*' }), 'allowed')
  t.equal(decide({ Resource: 'arn:aws:ec2:*::image/*' }), 'implicitDeny')
  t.equal(decide({ Resource: undefined, NotResource: 'arn:aws:ec2:*::snapshot/*' }), 'implicitDeny')
  t.equal(
    decide(
      { Resource: 'arn:aws:ec2:$' + '{aws:RequestedRegion}::snapshot/*' },
      { 'aws:RequestedRegion': 'eu-central-1' },
    ),
    'allowed',
  )
})

t.test('a denial wins over any allowance, and silence denies', async t => {
  const allow: PolicyDocument = { Statement: { Effect: 'Allow', Action: '*', Resource: '*' } }
  const deny: PolicyDocument = { Statement: { Effect: 'Deny', Action: 'ec2:*', Resource: '*' } }
  t.equal(evaluate([allow, deny], 'ec2:x', '*', new Map()), 'explicitDeny')
  t.equal(evaluate([], 'ec2:x', '*', new Map()), 'implicitDeny')
})

t.test('conditions: keys without regard to case, several keys all, several values any', async t => {
  const tag = { 'aws:ResourceTag/hoist:connector': 'c1' }
  t.equal(condition({ StringEquals: { 'AWS:resourcetag/hoist:connector': ['c0', 'c1'] } }, tag), 'allowed')
  t.equal(
    condition({ StringEquals: { 'aws:ResourceTag/hoist:connector': 'c1', 'aws:username': 'x' } }, tag),
    'implicitDeny',
  )
  t.equal(condition({ StringLike: { 'aws:ResourceTag/hoist:connector': 'c*' } }, tag), 'allowed')
  t.equal(condition({ StringEquals: { 'aws:ResourceTag/hoist:connector': 'c*' } }, tag), 'implicitDeny')
  t.equal(condition({ StringNotEquals: { 'aws:ResourceTag/hoist:connector': 'c1' } }, tag), 'implicitDeny')
  t.equal(condition({ StringNotEquals: { 'aws:ResourceTag/hoist:connector': 'c1' } }), 'allowed')
  t.equal(condition({ StringEqualsIfExists: { 'aws:ResourceTag/hoist:connector': 'c1' } }), 'allowed')
  t.equal(condition({ Null: { 'aws:ResourceTag/hoist:connector': 'false' } }, tag), 'allowed')
  t.equal(condition({ Null: { 'aws:ResourceTag/hoist:connector': 'false' } }), 'implicitDeny')
  t.equal(condition({ Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:SecureTransport': true }), 'allowed')
  t.equal(
    condition(
      { ArnLike: { 'aws:PrincipalArn': 'arn:aws:iam::*:user/c*' } },
      { 'aws:PrincipalArn': 'arn:aws:iam::1:user/connector' },
    ),
    'allowed',
  )
  t.equal(condition({ NumericLessThanEquals: { 'ebs:VolumeSize': '10' } }, { 'ebs:VolumeSize': '9' }), 'allowed')
  t.throws(() => condition({ StringMatches: { a: 'b' } }, { a: 'b' }), /not known/)
})

t.test('multivalued keys: ForAllValues and ForAnyValue', async t => {
  const keys = { 'aws:TagKeys': ['a', 'b'] }
  t.equal(condition({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b', 'c'] } }, keys), 'allowed')
  t.equal(condition({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } }, keys), 'implicitDeny')
  t.equal(condition({ 'ForAllValues:StringEquals': { 'aws:TagKeys': ['a'] } }), 'allowed')
  t.equal(condition({ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } }, keys), 'allowed')
  t.equal(condition({ 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['c'] } }, keys), 'implicitDeny')
})
