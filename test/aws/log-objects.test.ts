// Log bundles go below logs/ and nowhere else.
import t from 'tap'
import { putLogBundle } from '../../appliance/aws/log-objects.ts'
import { awsCliBytes, awsLab, connect, makeBucket } from './aws-lab.ts'

t.test('another client reads the bundle that was put; the policy allows no other place', async t => {
  const lab = await awsLab(t)
  const { clients } = connect(t, lab)
  const bucket = await makeBucket(lab, clients)
  const input = { clients, bucket, accountId: lab.aws.accountId, body: Buffer.from('bundle') }
  await putLogBundle({ ...input, key: 'logs/2026/a.tar.gz' })
  t.equal(String(await awsCliBytes(lab, 's3', 'cp', `s3://${bucket}/logs/2026/a.tar.gz`, '-')), 'bundle')
  await t.rejects(putLogBundle({ ...input, key: 'elsewhere/a.tar.gz' }), { code: 'AWS_PERMISSION_MISSING' })
})
