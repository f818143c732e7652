// Which jobs the API takes.
import t from 'tap'
import Value from 'typebox/value'
import { JobPatch, JobsBody } from '../../../appliance/api/schemas/jobs.ts'

const serverIds = ['a']

t.test('intervals are 1 to 24 whole hours, retention 1 to 270', async t => {
  for (const everyHours of [1, 24]) t.ok(Value.Check(JobsBody, { serverIds, schedule: { everyHours } }))
  for (const everyHours of [0, 25, 1.5, '2']) t.notOk(Value.Check(JobsBody, { serverIds, schedule: { everyHours } }))
  for (const retention of [1, 270]) t.ok(Value.Check(JobsBody, { serverIds, settings: { retention } }))
  for (const retention of [0, 271]) t.notOk(Value.Check(JobsBody, { serverIds, settings: { retention } }))
})

t.test("tags may not take AWS's or our own names", async t => {
  t.ok(Value.Check(JobsBody, { serverIds, settings: { tags: { 'cost centre': '7' } } }))
  for (const name of ['aws:x', 'hoist:run', '', 'x'.repeat(129)]) {
    t.notOk(Value.Check(JobsBody, { serverIds, settings: { tags: { [name]: 'v' } } }), name)
  }
})

t.test('servers are named once each, and at least one', async t => {
  t.notOk(Value.Check(JobsBody, { serverIds: [] }))
  t.notOk(Value.Check(JobsBody, { serverIds: ['a', 'a'] }))
  t.notOk(Value.Check(JobsBody, { serverIds: ['../etc'] }))
})

t.test('a change must change something', async t => {
  t.notOk(Value.Check(JobPatch, {}))
  t.ok(Value.Check(JobPatch, { state: 'paused' }))
  t.notOk(Value.Check(JobPatch, { state: 'ended' }))
})
