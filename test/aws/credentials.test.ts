import { AssumeRoleCommand } from '@aws-sdk/client-sts'
import t from 'tap'
import type { AwsClients } from '../../appliance/aws/clients.ts'
import { identify } from '../../appliance/aws/credentials.ts'
import { findImageOfRun } from '../../appliance/aws/image.ts'
import { accessKeyPolicy } from '../../appliance/aws/permissions.ts'
import { checkImportRole } from '../../appliance/aws/registration.ts'
import { headObject, listUnfinishedUploads } from '../../appliance/aws/s3-objects.ts'
import { awsCli, awsLab, connect, makeBucket } from './aws-lab.ts'

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { accountId, connector } = lab.aws

  t.test('working credentials name account, ARN and partition', async t => {
    const { clients } = connect(t, lab)
    const found = await identify(clients)
    t.match(found, { accountId, partition: 'aws', arn: /^arn:aws:iam::\d{12}:user\// })
  })

  t.test('a wrong secret and an unknown key are both invalid credentials', async t => {
    const wrong = connect(t, lab, { key: { ...connector, secretAccessKey: 'wrong' } })
    await t.rejects(identify(wrong.clients), { code: 'AWS_CREDENTIALS_INVALID' })
    t.same(wrong.retries, [], 'and are not tried again')
    const unknown = connect(t, lab, { key: { accessKeyId: 'AKIAUNKNOWN000000000', secretAccessKey: 'x' } })
    await t.rejects(identify(unknown.clients), { code: 'AWS_CREDENTIALS_INVALID' })
  })

  t.test('an expired session token says so', async t => {
    await lab.awsControl('POST', '/faults', { service: 'sts', operation: 'GetCallerIdentity', kind: 'expiredToken' })
    await t.rejects(identify(connect(t, lab).clients), { code: 'AWS_CREDENTIALS_EXPIRED' })
  })

  t.test('a clock that is wrong is reported when credentials are checked', async t => {
    for (const skewMs of [20 * 60_000, -20 * 60_000]) {
      await lab.awsControl('POST', '/clock', { skewMs })
      await t.rejects(identify(connect(t, lab).clients), { code: 'AWS_CLOCK_SKEW' })
    }
    await lab.awsControl('POST', '/clock', { skewMs: 0 })
  })

  t.test('a clock that drifts during a run is worked around, and counted', async t => {
    const { clients, retries } = connect(t, lab)
    const { accountId } = lab.aws
    const bucket = await makeBucket(lab, clients)
    for (const skewMs of [20 * 60_000, -20 * 60_000]) {
      await lab.awsControl('POST', '/clock', { skewMs })
      t.same(await listUnfinishedUploads({ clients, bucket, accountId }), [])
      t.equal(await findImageOfRun({ clients, connectorId: 'c0ffee00', runId: 'none' }), undefined)
      t.equal(await checkImportRole({ clients, roleName: 'vmimport', accountId }), 'trusted')
    }
    t.same(
      [...new Set(retries)],
      ['clockSkew s3:ListBucketMultipartUploads', 'clockSkew ec2:DescribeImages', 'clockSkew iam:GetRole'],
    )
    await lab.awsControl('POST', '/clock', { skewMs: 0 })
  })

  t.test('credentials that expire in the middle are named by each service, and renewed ones work at once', async t => {
    const admin = connect(t, lab, { key: lab.aws.admin }).clients
    const allow = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
    const { arn } = await identify(admin)
    const trust = allow({ Effect: 'Allow', Principal: { AWS: arn }, Action: 'sts:AssumeRole' })
    const role = ['--role-name', 'short-lived']
    await awsCli(lab, 'iam', 'create-role', ...role, '--assume-role-policy-document', trust)
    const may = allow({ Effect: 'Allow', Action: ['s3:*', 'ec2:*'], Resource: '*' })
    await awsCli(lab, 'iam', 'put-role-policy', ...role, '--policy-name', 'all', '--policy-document', may)
    const bucket = await makeBucket(lab, admin)
    const session = async () => {
      const command = new AssumeRoleCommand({
        ...{ RoleArn: `arn:aws:iam::${accountId}:role/short-lived`, RoleSessionName: 'run', DurationSeconds: 900 },
      })
      const { Credentials: given } = await admin.call('sts:AssumeRole', sdk => admin.sts.send(command, sdk))
      const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = given ?? {}
      if (!accessKeyId || !secretAccessKey || !sessionToken) throw new Error('no credentials')
      return connect(t, lab, { key: { accessKeyId, secretAccessKey, sessionToken } }).clients
    }
    const work = async (clients: AwsClients) => {
      await findImageOfRun({ clients, connectorId: 'c0ffee00', runId: 'none' })
      await listUnfinishedUploads({ clients, bucket, accountId })
    }
    const first = await session()
    await work(first)
    await lab.awsControl('POST', '/clock', { skewMs: 16 * 60_000 })
    const expired = { code: 'AWS_CREDENTIALS_EXPIRED' }
    await t.rejects(findImageOfRun({ clients: first, connectorId: 'c0ffee00', runId: 'none' }), expired)
    await t.rejects(listUnfinishedUploads({ clients: first, bucket, accountId }), expired)
    await t.rejects(headObject({ clients: first, bucket, key: 'runs/r1/disk.vmdk', accountId }), expired)
    await t.resolves(work(await session()), 'nothing of the first is kept beyond its clients')
    await t.rejects(work(first), { code: 'AWS_CREDENTIALS_EXPIRED' })
    await lab.awsControl('POST', '/clock', { skewMs: 0 })
  })

  t.test('a role is assumed with its external id, and works in place of the key', async t => {
    const trust = {
      Version: '2012-10-17',
      Statement: [
        {
          Effect: 'Allow',
          Principal: { AWS: (await identify(connect(t, lab).clients)).arn },
          Action: 'sts:AssumeRole',
          Condition: { StringEquals: { 'sts:ExternalId': 'from-settings' } },
        },
      ],
    }
    await awsCli(
      lab,
      'iam',
      'create-role',
      '--role-name',
      'worker',
      '--assume-role-policy-document',
      JSON.stringify(trust),
    )
    const settings = { assumeRoleArn: `arn:aws:iam::${accountId}:role/worker`, assumeRoleExternalId: 'from-settings' }
    await awsCli(
      lab,
      ...['iam', 'put-user-policy', '--user-name', 'connector', '--policy-name', 'assume'],
      ...['--policy-document', JSON.stringify(accessKeyPolicy(settings))],
    )
    const { clients } = connect(t, lab, { settings })
    t.match(await identify(clients), { accountId, arn: /assumed-role\/worker\/hoist$/ })
    const nowhere = { ...settings, endpoints: { sts: 'http://127.0.0.1:1' } }
    const away = connect(t, lab, { settings: nowhere })
    await t.rejects(identify(away.clients), { code: 'AWS_UNREACHABLE' })
    t.same(away.retries, ['network sts:AssumeRole', 'network sts:AssumeRole'], 'whoever waits is told soon')
    const stranger = connect(t, lab, { settings: { ...settings, assumeRoleExternalId: 'guessed' } })
    await t.rejects(identify(stranger.clients), { code: 'AWS_PERMISSION_MISSING', message: /sts:AssumeRole/ })
  })
})
