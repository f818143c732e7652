import t from 'tap'
import { startTestBed } from './test-bed.ts'

const bed = await startTestBed()
t.teardown(() => bed[Symbol.asyncDispose]())

t.test('instances that the control port added are described, filtered and paged', async t => {
  for (let index = 0; index < 6; index++) {
    await bed.control('POST', '/instances', { id: `i-0000000000000000${index}`, imageId: 'ami-00000000000000001' })
  }
  await bed.control('POST', '/instances', { id: 'i-00000000000000005', state: 'terminated' })
  await bed.control('POST', '/instances', { imageId: 'ami-00000000000000002', state: 'stopped' })
  const answer = await bed.python(`
ec2 = client('ec2')
def ids(**kw): return [i['InstanceId'] for r in ec2.describe_instances(**kw)['Reservations'] for i in r['Instances']]
one = lambda *f: ids(Filters=[{'Name': n, 'Values': v} for n, v in f])
pages = [len(p['Reservations']) for p in ec2.get_paginator('describe_instances').paginate(PaginationConfig={'PageSize': 5})]
give(first=ec2.describe_instances(InstanceIds=['i-00000000000000000'])['Reservations'][0]['Instances'][0],
  image=len(one(('image-id', ['ami-00000000000000001']))), alive=len(one(('image-id', ['ami-00000000000000001']), ('instance-state-name', ['running', 'stopped']))),
  stopped=len(one(('instance-state-name', ['stopped']))), pages=pages, absent=refused(ec2.describe_instances, InstanceIds=['i-0123456789abcdef0']),
  both=refused(ec2.describe_instances, InstanceIds=['i-00000000000000000'], MaxResults=5), filter=refused(ec2.describe_instances, Filters=[{'Name': 'colour', 'Values': ['red']}]),
  denied=refused(client('ec2', 'connector').describe_instances), dry=refused(ec2.describe_instances, DryRun=True))
`)
  t.match(answer, {
    first: { ImageId: 'ami-00000000000000001', State: { Code: 16, Name: 'running' } },
    image: 6,
    alive: 5,
    stopped: 1,
    pages: [5, 2],
    absent: { code: 'InvalidInstanceID.NotFound' },
    both: { code: 'InvalidParameterCombination' },
    filter: { code: 'InvalidParameterValue' },
    denied: { code: 'UnauthorizedOperation' },
    dry: { code: 'DryRunOperation' },
  })
})

t.test('an instance needs an image and a state that EC2 has', async t => {
  t.match(await bed.control('POST', '/instances', {}), { code: 'BadRequest', message: /imageId/ })
  const odd = { imageId: 'ami-00000000000000001', state: 'asleep' }
  t.match(await bed.control('POST', '/instances', odd), { code: 'BadRequest', message: /asleep/ })
})
