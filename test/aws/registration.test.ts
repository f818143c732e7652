import t from 'tap'
import { checkImportRole, ensureBucket, newBucketName } from '../../appliance/aws/registration.ts'
import { awsCli, awsLab, connect, connectorId } from './aws-lab.ts'

t.test('a bucket name carries the connector and a random suffix, within the limits of S3', async t => {
  t.match(newBucketName('C0FFEE_00'), /^hoist-c0ffee00-[0-9a-f]{16}$/)
  t.not(newBucketName('a'), newBucketName('a'))
  t.ok(newBucketName('f'.repeat(80)).length <= 63)
})

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const { accountId, region } = lab.aws
  const ensure = (more: Partial<Parameters<typeof ensureBucket>[0]> = {}) =>
    ensureBucket({ clients, connectorId, accountId, region, partition: 'aws', ...more })
  const buckets = async () =>
    (await awsCli<{ Buckets: { Name: string }[] }>(lab, 's3api', 'list-buckets')).Buckets.map(bucket => bucket.Name)

  t.test('a new bucket is noted before it is made, and found again by its name', async t => {
    let noted = ''
    const bucket = await ensure({
      onName: async name => {
        t.notOk((await buckets()).includes(name))
        noted = name
      },
    })
    t.equal(bucket, noted)
    t.ok((await buckets()).includes(bucket))
    t.equal(await ensure({ existing: bucket, onName: async () => void t.fail('it exists') }), bucket)
  })

  t.test('a bucket that was noted but never made is made under its name', async t => {
    const existing = newBucketName(connectorId)
    t.equal(await ensure({ existing }), existing)
    t.ok((await buckets()).includes(existing))
  })

  t.test("another account's bucket is refused, and nothing is sent to it", async t => {
    const name = 'hoist-squatted-0123456789abcdef'
    await lab.awsControl('POST', '/accounts/999999999999/buckets', { name })
    await t.rejects(ensure({ existing: name }), { code: 'BUCKET_FOREIGN', message: new RegExp(name) })
  })

  t.test('a bucket that could not be protected is removed again', async t => {
    await lab.awsControl('POST', '/faults', {
      service: 's3',
      operation: 'PutBucketPolicy',
      kind: 'error',
      code: 'AccessDenied',
      message: 'Access Denied',
      statusCode: 403,
    })
    const before = await buckets()
    await t.rejects(ensure(), { code: 'AWS_PERMISSION_MISSING', message: /s3:PutBucketPolicy/ })
    t.same(await buckets(), before)
  })

  t.test("VM Import's role is trusted as documented", async t => {
    t.equal(await checkImportRole({ clients, roleName: 'vmimport', accountId }), 'trusted')
  })

  t.test('a role that may not be looked at is left to the first import', async t => {
    t.equal(await checkImportRole({ clients, roleName: 'someone-elses', accountId }), 'unchecked')
  })

  t.test('a role that trusts somebody else is named, with the policy that it needs', async t => {
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' }],
    }
    await lab.awsControl('POST', '/roles/vmimport', { trust })
    await t.rejects(checkImportRole({ clients, roleName: 'vmimport', accountId }), {
      code: 'IMPORT_ROLE_UNTRUSTED',
      hint: /vmie\.amazonaws\.com/,
    })
  })

  t.test('a missing role is named', async t => {
    await lab.awsControl('DELETE', '/roles/vmimport')
    await t.rejects(checkImportRole({ clients, roleName: 'vmimport', accountId }), { code: 'IMPORT_ROLE_MISSING' })
  })
})
