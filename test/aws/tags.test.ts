import t from 'tap'
import { ownershipOf, ownershipTags, toObjectTagging, toTagList } from '../../appliance/aws/tags.ts'

const ownership = { connectorId: 'c1', jobId: 'j1', runId: 'r1', serverId: '5021-uuid', serverName: 'web #1 (prod)' }

t.test(
  'everything carries connector, job, run, server and a name, and the customer cannot replace the first four',
  async t => {
    t.same(ownershipTags(ownership, { CostCentre: '42', 'hoist:run': 'forged' }), {
      'hoist:connector': 'c1',
      'hoist:job': 'j1',
      'hoist:run': 'r1',
      'hoist:server': '5021-uuid',
      Name: 'web #1 (prod)',
      CostCentre: '42',
    })
    t.equal(ownershipTags(ownership, { Name: 'mine' }).Name, 'mine')
  },
)

t.test('whose a thing is can be read from its tags, as far as they go', async t => {
  t.same(ownershipOf(toTagList(ownershipTags(ownership, { CostCentre: '42' }))), ownership)
  t.same(ownershipOf([{ Key: 'hoist:run', Value: 'r2' }, { Key: 'Name' }]), { runId: 'r2' })
  t.same(ownershipOf(undefined), {})
})

t.test('EC2 takes them as a list', async t => {
  t.same(toTagList({ a: '1' }), [{ Key: 'a', Value: '1' }])
})

t.test('an S3 object gets only our tags, in characters that S3 allows', async t => {
  const query = new URLSearchParams(toObjectTagging(ownershipTags(ownership, { CostCentre: '42' })))
  t.equal(query.get('Name'), 'web _1 _prod_')
  t.equal(query.get('hoist:server'), '5021-uuid')
  t.equal(query.has('CostCentre'), false)
  t.equal([...query].length, 5)
})
