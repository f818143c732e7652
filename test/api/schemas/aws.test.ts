// The schemas of the wizard's view of AWS.
import t from 'tap'
import Value from 'typebox/value'
import { AwsIdentityView, BucketView, Policies, PolicyQuery, RegionList } from '../../../appliance/api/schemas/aws.ts'
import { awsRegions } from '../../../appliance/aws/regions.ts'

t.test('every Region can be chosen', async t => {
  t.ok(Value.Check(RegionList, { regions: [...awsRegions] }))
  for (const { id } of awsRegions) t.ok(Value.Check(PolicyQuery, { accountId: '123456789012', region: id }), id)
})

t.test('what is no account, Region or format is refused', async t => {
  for (const query of [{ accountId: '1' }, { region: 'x' }, { format: 'yaml' }, { more: '1' }])
    t.notOk(Value.Check(PolicyQuery, query))
  t.ok(Value.Check(Policies, { connector: {} }))
  t.notOk(Value.Check(BucketView, { bucket: 'b' }))
  t.notOk(
    Value.Check(AwsIdentityView, {
      accountId: '1',
      arn: 'a',
      missingActions: [],
      uncheckedActions: [],
      checkedBy: 'guess',
    }),
  )
})
