import t from 'tap'
import { bucketProtections } from '../../appliance/aws/bucket-protection.ts'
import { ensureBucket } from '../../appliance/aws/registration.ts'
import { awsCli, awsLab, connect, connectorId, makeBucket } from './aws-lab.ts'

t.test('with the lab', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const { accountId, region } = lab.aws
  const bucket = await makeBucket(lab, clients)
  const s3api = <T = Record<string, never>>(command: string, ...args: string[]) =>
    awsCli<T>(lab, 's3api', command, '--bucket', bucket, ...args)

  t.test('another client finds every protection on the bucket', async t => {
    const { PublicAccessBlockConfiguration: block } = await s3api('get-public-access-block')
    t.same(block, {
      BlockPublicAcls: true,
      IgnorePublicAcls: true,
      BlockPublicPolicy: true,
      RestrictPublicBuckets: true,
    })
    const policy = JSON.parse((await s3api<{ Policy: string }>('get-bucket-policy')).Policy)
    t.match(policy.Statement, [
      {
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ])
    t.match(await s3api('get-bucket-encryption'), {
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
      },
    })
    t.match(await s3api('get-bucket-lifecycle-configuration'), {
      Rules: [
        { Status: 'Enabled', Expiration: { Days: 14 }, AbortIncompleteMultipartUpload: { DaysAfterInitiation: 14 } },
      ],
    })
    t.match(await s3api('get-bucket-tagging'), { TagSet: [{ Key: 'hoist:connector', Value: connectorId }] })
  })

  t.test('what somebody took away or changed is set again, and what they added stays', async t => {
    await s3api('delete-public-access-block')
    const added = {
      Sid: 'Added',
      Effect: 'Deny',
      Principal: '*',
      Action: 's3:DeleteBucket',
      Resource: `arn:aws:s3:::${bucket}`,
    }
    await s3api('put-bucket-policy', '--policy', JSON.stringify({ Version: '2012-10-17', Statement: [added] }))
    await s3api('put-bucket-tagging', '--tagging', 'TagSet=[{Key=Owner,Value=ops}]')
    const protections = () => bucketProtections({ clients, bucket, accountId, partition: 'aws', connectorId })
    const standing = async () => {
      const names: string[] = []
      for (const protection of protections()) if (await protection.stands()) names.push(protection.name)
      return names
    }
    t.same(await standing(), ['the encryption', 'the lifecycle'])
    await ensureBucket({ clients, connectorId, accountId, region, partition: 'aws', existing: bucket })
    t.equal((await standing()).length, 5)
    const policy = JSON.parse((await s3api<{ Policy: string }>('get-bucket-policy')).Policy)
    t.same(
      policy.Statement.map((statement: { Sid: string }) => statement.Sid),
      ['Added', 'HoistTlsOnly'],
    )
    const { TagSet: tags } = await s3api<{ TagSet: { Key: string }[] }>('get-bucket-tagging')
    t.same(tags.map(tag => tag.Key).sort(), ['Owner', 'hoist:connector'])
  })
})
