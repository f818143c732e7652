// STS, IAM and KMS as boto3 sees them, signatures and their refusals, and what the front asks.
import t from 'tap'
import { startTestBed } from './test-bed.ts'

const bed = await startTestBed({
  vmimport: {},
  connector: {
    accessKeyId: 'AKIACONNECTOR000000C',
    secretAccessKey: 'connector-secret',
    policy: {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 'iam:GetRole', Resource: 'arn:aws:iam::111122223333:role/vmimport' },
        { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::hoist-*/*' },
        { Effect: 'Allow', Action: ['ec2:DescribeSnapshots', 'ec2:DescribeRegions'], Resource: '*' },
      ],
    },
  },
})
t.teardown(() => bed[Symbol.asyncDispose]())

t.test('GetCallerIdentity says who signed, whatever the policies are', async t => {
  const answer = await bed.python(`
give(admin=client('sts').get_caller_identity(), connector=client('sts', 'connector').get_caller_identity())
`)
  t.match(answer, {
    admin: { Account: '111122223333', Arn: 'arn:aws:iam::111122223333:user/admin' },
    connector: { Arn: 'arn:aws:iam::111122223333:user/connector', UserId: /^AIDA[A-Z2-7]{16}$/ },
  })
})

t.test('each service refuses an unknown key and a wrong secret in its own words', async t => {
  const answer = await bed.python(`
def each(**kw): return {s: refused(getattr(client(s, **kw), call)) for s, call in
    dict(ec2='describe_regions', sts='get_caller_identity', iam='get_user', kms='list_aliases').items()} | {
    'ebs': refused(client('ebs', **kw).list_snapshot_blocks, SnapshotId='snap-00000000000000000')}
give(unknown=each(id='AKIANOBODY'), secret=each(secret='wrong'), region=refused(client('ec2', region='us-east-1').describe_regions))
`)
  t.match(answer, {
    unknown: {
      ec2: {
        code: 'AuthFailure',
        status: 401,
        message: 'AWS was not able to validate the provided access credentials',
      },
      sts: { code: 'InvalidClientTokenId', status: 403 },
      iam: { code: 'InvalidClientTokenId' },
      kms: { code: 'UnrecognizedClientException' },
      ebs: { code: 'UnrecognizedClientException', status: 403 },
    },
    secret: {
      ec2: { code: 'AuthFailure' },
      sts: { code: 'SignatureDoesNotMatch', status: 403 },
      iam: { code: 'SignatureDoesNotMatch' },
      kms: { code: 'InvalidSignatureException' },
      ebs: { code: 'InvalidSignatureException' },
    },
    region: { code: 'AuthFailure' },
  })
})

t.test('a clock more than 15 minutes off is refused, either way', async t => {
  t.teardown(() => bed.control('POST', '/clock', { skewMs: 0 }))
  const attempt = () =>
    bed.python(`give(ec2=refused(client('ec2').describe_regions), sts=refused(client('sts').get_caller_identity))`)
  for (const minutes of [16, -16]) {
    await bed.control('POST', '/clock', { skewMs: minutes * 60_000 })
    t.match(await attempt(), {
      ec2: { code: 'RequestExpired' },
      sts: { code: 'SignatureDoesNotMatch', message: /15 min/ },
    })
  }
  await bed.control('POST', '/clock', { skewMs: 14 * 60_000 })
  t.match(await attempt(), { ec2: { code: 'not refused' }, sts: { code: 'not refused' } })
})

t.test('what is not signed, or signed for something else, is refused', async t => {
  const answer = await bed.python(`
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
import urllib.request, urllib.error
def send(body, headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(V['endpoint'] + '/', body, headers)).status
    except urllib.error.HTTPError as e:
        return [e.code, e.read().decode()]
body = b'Action=DescribeRegions&Version=2016-11-15'
r = AWSRequest('POST', V['endpoint'] + '/', data=body, headers={'Content-Type': 'application/x-www-form-urlencoded'})
SigV4Auth(Credentials(V['keys']['admin']['accessKeyId'], V['keys']['admin']['secretAccessKey']), 'ec2', V['region']).add_auth(r)
headers = dict(r.headers.items())
give(good=send(body, headers), bare=send(body, {}), body=send(body.replace(b'Describe', b'Elsewhe'), headers), unknown=send(body + b'&Colour=red', headers),
  header=send(body, {**headers, 'X-Amz-Date': '20200101T000000Z'}))
`)
  t.match(answer, {
    good: 200,
    bare: [403, /MissingAuthenticationToken/],
    body: [401, /AuthFailure/],
    unknown: [401, /AuthFailure/],
    header: [400, /RequestExpired/],
  })
})

t.test('a role can be assumed by whom it trusts, and its session expires', async t => {
  const { session, ...answer } = await bed.python(`
iam, sts = client('iam'), client('sts')
trust = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Principal': {'AWS': 'arn:aws:iam::111122223333:root'}, 'Action': 'sts:AssumeRole', 'Condition': {'StringEquals': {'sts:ExternalId': 'x1'}}}]}
arn = iam.create_role(RoleName='migrator', AssumeRolePolicyDocument=json.dumps(trust))['Role']['Arn']
iam.put_role_policy(RoleName='migrator', PolicyName='p', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': {'Effect': 'Allow', 'Action': 'ec2:Describe*', 'Resource': '*'}}))
session = sts.assume_role(RoleArn=arn, RoleSessionName='s1', ExternalId='x1', DurationSeconds=900)
c = session['Credentials']
keys = dict(id=c['AccessKeyId'], secret=c['SecretAccessKey'], token=c['SessionToken'])
give(session=c, user=session['AssumedRoleUser'], me=client('sts', **keys).get_caller_identity()['Arn'], regions=refused(client('ec2', **keys).describe_regions),
  denied=refused(client('ec2', **keys).get_ebs_encryption_by_default), noToken=refused(client('sts', id=c['AccessKeyId'], secret=c['SecretAccessKey']).get_caller_identity),
  wrongId=refused(sts.assume_role, RoleArn=arn, RoleSessionName='s1', ExternalId='no'), untrusted=refused(sts.assume_role, RoleArn='arn:aws:iam::111122223333:role/vmimport', RoleSessionName='s1'),
  absent=refused(sts.assume_role, RoleArn=arn + 'x', RoleSessionName='s1'), long=refused(sts.assume_role, RoleArn=arn, RoleSessionName='s1', ExternalId='x1', DurationSeconds=7200),
  connector=refused(client('sts', 'connector').assume_role, RoleArn=arn, RoleSessionName='s1', ExternalId='x1'))
`)
  t.match(answer, {
    user: { Arn: 'arn:aws:sts::111122223333:assumed-role/migrator/s1' },
    me: 'arn:aws:sts::111122223333:assumed-role/migrator/s1',
    regions: { code: 'not refused' },
    denied: { code: 'UnauthorizedOperation', status: 403 },
    noToken: { code: 'InvalidClientTokenId' },
    wrongId: { code: 'AccessDenied' },
    untrusted: { code: 'AccessDenied' },
    absent: { code: 'AccessDenied' },
    long: { code: 'ValidationError' },
    connector: { code: 'AccessDenied' },
  })
  t.teardown(() => bed.control('POST', '/clock', { skewMs: 0 }))
  // The session's own clock goes along, so that it is the token that is too old and not the request.
  await bed.control('POST', '/clock', { skewMs: 901_000 })
  const late = await bed.python(
    `
import datetime, botocore.auth, botocore.compat
real = datetime.datetime
later = lambda: botocore.compat.datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + datetime.timedelta(seconds=901)
botocore.auth.get_current_datetime = lambda *a, **k: later()
c = V['session']
keys = dict(id=c['AccessKeyId'], secret=c['SecretAccessKey'], token=c['SessionToken'])
give(sts=refused(client('sts', **keys).get_caller_identity), ec2=refused(client('ec2', **keys).describe_regions), kms=refused(client('kms', **keys).list_aliases))
`,
    { session },
  )
  t.match(late, {
    sts: { code: 'ExpiredToken', status: 403 },
    ec2: { code: 'RequestExpired' },
    kms: { code: 'ExpiredTokenException' },
  })
})

t.test('roles, their policies, users and keys can be made, read and removed', async t => {
  const answer = await bed.python(`
iam = client('iam')
doc = {'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': 's3:*', 'Resource': '*'}]}
role = iam.get_role(RoleName='vmimport')['Role']
iam.put_role_policy(RoleName='vmimport', PolicyName='p 2', PolicyDocument=json.dumps(doc))
out = dict(trust=role['AssumeRolePolicyDocument'], names=iam.list_role_policies(RoleName='vmimport')['PolicyNames'], same=iam.get_role_policy(RoleName='vmimport', PolicyName='p 2')['PolicyDocument'] == doc,
  attached=iam.list_attached_role_policies(RoleName='vmimport')['AttachedPolicies'], conflict=refused(iam.delete_role, RoleName='vmimport'), absent=refused(iam.get_role, RoleName='nobody'),
  policy=refused(iam.get_role_policy, RoleName='vmimport', PolicyName='none'), twice=refused(iam.create_role, RoleName='vmimport', AssumeRolePolicyDocument='{}'), malformed=refused(iam.put_role_policy, RoleName='vmimport', PolicyName='x', PolicyDocument='{'))
iam.delete_role_policy(RoleName='vmimport', PolicyName='p 2')
iam.update_assume_role_policy(RoleName='vmimport', PolicyDocument=json.dumps(role['AssumeRolePolicyDocument']))
made = iam.create_role(RoleName='short', AssumeRolePolicyDocument=json.dumps(role['AssumeRolePolicyDocument']), Description='d', Tags=[{'Key': 'a', 'Value': 'b'}])['Role']
iam.delete_role(RoleName='short')
iam.create_user(UserName='u')
key = iam.create_access_key(UserName='u')['AccessKey']
u = client('ec2', id=key['AccessKeyId'], secret=key['SecretAccessKey'])
before = refused(u.describe_regions)
iam.put_user_policy(UserName='u', PolicyName='all', PolicyDocument=json.dumps({'Version': '2012-10-17', 'Statement': [{'Effect': 'Allow', 'Action': '*', 'Resource': '*'}, {'Effect': 'Deny', 'Action': 'ec2:DescribeTags', 'Resource': '*'}]}))
give(**out, made=made, before=before, after=refused(u.describe_regions), deny=refused(u.describe_tags), me=client('iam', id=key['AccessKeyId'], secret=key['SecretAccessKey']).get_user()['User']['UserName'])
`)
  t.match(answer, {
    trust: { Statement: [{ Principal: { Service: 'vmie.amazonaws.com' } }] },
    names: ['vmimport', 'p 2'],
    same: true,
    attached: [],
    conflict: { code: 'DeleteConflict', status: 409 },
    absent: { code: 'NoSuchEntity', status: 404, message: 'The role with name nobody cannot be found.' },
    policy: { code: 'NoSuchEntity' },
    twice: { code: 'MalformedPolicyDocument' },
    malformed: { code: 'MalformedPolicyDocument' },
    made: { Arn: 'arn:aws:iam::111122223333:role/short', Description: 'd' },
    before: { code: 'UnauthorizedOperation' },
    after: { code: 'not refused' },
    deny: { code: 'UnauthorizedOperation', message: /with an explicit deny in an identity-based policy/ },
    me: 'u',
  })
})

t.test('policies are evaluated at every request, and refusals are worded as by AWS', async t => {
  const answer = await bed.python(`
iam = client('iam', 'connector')
give(role=refused(iam.get_role, RoleName='vmimport'), other=refused(iam.get_role, RoleName='other'), snapshots=refused(client('ec2', 'connector').describe_snapshots),
  images=refused(client('ec2', 'connector').describe_images), ebs=refused(client('ebs', 'connector').start_snapshot, VolumeSize=1), kms=refused(client('kms', 'connector').list_aliases))
`)
  t.match(answer, {
    role: { code: 'not refused' },
    other: {
      code: 'AccessDenied',
      message:
        /^User: arn:aws:iam::111122223333:user\/connector is not authorized to perform: iam:GetRole on resource: arn:aws:iam::111122223333:role\/other because no identity-based policy allows the iam:GetRole action/,
    },
    snapshots: { code: 'not refused' },
    images: {
      code: 'UnauthorizedOperation',
      message:
        /^You are not authorized to perform this operation\. User: .*ec2:DescribeImages.*Encoded authorization failure message: /,
    },
    ebs: { code: 'AccessDeniedException', status: 403, reason: 'UNAUTHORIZED_ACCOUNT' },
    kms: { code: 'AccessDeniedException' },
  })
})

t.test('SimulatePrincipalPolicy decides as the requests themselves are decided', async t => {
  const answer = await bed.python(`
iam = client('iam')
r = iam.simulate_principal_policy(PolicySourceArn='arn:aws:iam::111122223333:user/connector', ActionNames=['iam:GetRole', 'ec2:DescribeSnapshots'], ResourceArns=['arn:aws:iam::111122223333:role/vmimport', '*'])
give(d=[(e['EvalActionName'], e['EvalResourceName'], e['EvalDecision']) for e in r['EvaluationResults']], more=r['IsTruncated'],
  paged=[e['EvalDecision'] for p in iam.get_paginator('simulate_principal_policy').paginate(PolicySourceArn='arn:aws:iam::111122223333:user/connector', ActionNames=['ec2:DescribeSnapshots', 'ec2:x'], PaginationConfig={'PageSize': 1}) for e in p['EvaluationResults']],
  denied=refused(client('iam', 'connector').simulate_principal_policy, PolicySourceArn='arn:aws:iam::111122223333:user/connector', ActionNames=['iam:GetRole']), absent=refused(iam.simulate_principal_policy, PolicySourceArn='arn:aws:iam::111122223333:user/none', ActionNames=['iam:GetRole']))
`)
  t.match(answer, {
    more: false,
    paged: ['allowed', 'implicitDeny'],
    denied: { code: 'AccessDenied' },
    absent: { code: 'NoSuchEntity' },
  })
  t.strictSame(answer.d, [
    ['iam:GetRole', 'arn:aws:iam::111122223333:role/vmimport', 'allowed'],
    ['iam:GetRole', '*', 'implicitDeny'],
    ['ec2:DescribeSnapshots', 'arn:aws:iam::111122223333:role/vmimport', 'allowed'],
    ['ec2:DescribeSnapshots', '*', 'allowed'],
  ])
})

t.test('KMS keys are made, named, described and granted', async t => {
  const answer = await bed.python(`
kms = client('kms')
key = kms.create_key(Description='k')['KeyMetadata']
kms.create_alias(AliasName='alias/hoist', TargetKeyId=key['KeyId'])
give(key=key, byAlias=kms.describe_key(KeyId='alias/hoist')['KeyMetadata']['Arn'], grant=kms.create_grant(KeyId=key['KeyId'], GranteePrincipal='arn:aws:iam::111122223333:role/vmimport', Operations=['Decrypt']),
  aliases=[a['AliasName'] for a in kms.list_aliases()['Aliases']], absent=refused(kms.describe_key, KeyId='alias/none'), reserved=refused(kms.create_alias, AliasName='alias/aws/x', TargetKeyId=key['KeyId']),
  twice=refused(kms.create_alias, AliasName='alias/hoist', TargetKeyId=key['KeyId']), other=refused(kms.list_keys))
`)
  t.match(answer, {
    key: { KeyState: 'Enabled', KeyManager: 'CUSTOMER' },
    byAlias: (answer.key as { Arn: string }).Arn,
    grant: { GrantId: /^[0-9a-f]{64}$/ },
    aliases: ['alias/aws/ebs', 'alias/hoist'],
    absent: { code: 'NotFoundException' },
    reserved: { code: 'InvalidAliasNameException' },
    twice: { code: 'AlreadyExistsException' },
    other: { code: 'UnknownOperationException' },
  })
})

t.test('the front learns whose key it is and what that may do, if it knows the secret', async t => {
  const ask = (action: string, resource: string, accessKeyId = 'AKIACONNECTOR000000C') =>
    bed.internal({ accessKeyId, action, resource, context: { 's3:prefix': 'x' } })
  t.match(await ask('s3:GetObject', 'arn:aws:s3:::hoist-a/key'), {
    status: 200,
    body: {
      known: true,
      secretAccessKey: 'connector-secret',
      accountId: '111122223333',
      expired: false,
      allowed: true,
      message: '',
    },
  })
  t.match(await ask('s3:PutObject', 'arn:aws:s3:::hoist-a/key'), {
    body: { known: true, allowed: false, message: /s3:PutObject/ },
  })
  t.match(await ask('s3:GetObject', 'arn:aws:s3:::hoist-a/key', 'AKIANOBODY'), {
    body: { known: false, allowed: false },
  })
  t.match(await bed.internal({}, 'guess'), { status: 403 })
  t.match(await bed.control('GET', '/nothing'), { code: 'NotFound' })
  t.match(await bed.control('POST', '/quotas', { colour: 1 }), { code: 'BadRequest' })
})
