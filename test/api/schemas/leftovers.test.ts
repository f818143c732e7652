// The schema of leftovers: what is known of one is shown, and images are named by their ids.
import t from 'tap'
import Value from 'typebox/value'
import { AdoptBody, Leftover } from '../../../appliance/api/schemas/leftovers.ts'

t.test('a leftover needs a kind, a place, a verdict and its reason; the rest may be unknown', async t => {
  const least = { kind: 'object', id: 'runs/r/disk', where: 's3://bucket', verdict: 'remove', why: 'no run' }
  t.ok(Value.Check(Leftover, least))
  for (const key of Object.keys(least)) t.notOk(Value.Check(Leftover, { ...least, [key]: undefined }), key)
  t.notOk(Value.Check(Leftover, { ...least, verdict: 'perhaps' }))
})

t.test('ids of images are the short old ones or the long new ones', async t => {
  for (const imageId of ['ami-1a2b3c4d', 'ami-0123456789abcdef0']) t.ok(Value.Check(AdoptBody, { imageId }))
  for (const imageId of ['ami-', 'ami-0123456789abcdef01', 'AMI-1a2b3c4d', 'i-1a2b3c4d'])
    t.notOk(Value.Check(AdoptBody, { imageId }), imageId)
})
