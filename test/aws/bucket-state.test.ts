// The bucket as it is found: whole, without a protection, gone.
import t from 'tap'
import { missingProtections } from '../../appliance/aws/bucket-state.ts'
import { awsCli, awsLab, connect, connectorId, makeBucket } from './aws-lab.ts'

t.test(
  'protections that somebody took away are named, and a bucket that is gone is told from one that is refused',
  async t => {
    const lab = await awsLab(t)
    const { clients } = connect(t, lab)
    const bucket = await makeBucket(lab, clients)
    const input = { clients, bucket, accountId: lab.aws.accountId, partition: 'aws', connectorId }
    t.same(await missingProtections(input), [])
    await awsCli(lab, 's3api', 'delete-public-access-block', '--bucket', bucket)
    await awsCli(lab, 's3api', 'delete-bucket-lifecycle', '--bucket', bucket)
    t.same(await missingProtections(input), ['the public access block', 'the lifecycle'])
    t.equal(await missingProtections({ ...input, bucket: 'hoist-gone-0000' }), undefined)
    await t.rejects(missingProtections({ ...input, accountId: '999999999999' }), { code: 'AWS_PERMISSION_MISSING' })
  },
)
