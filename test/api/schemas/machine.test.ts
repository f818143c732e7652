// The schemas of the machine take what the helper's verbs take, and nothing besides.
import t from 'tap'
import Value from 'typebox/value'
import {
  MachineHostname,
  MachineNetwork,
  MachineTime,
  MachineView,
  ResetBody,
} from '../../../appliance/api/schemas/machine.ts'
import { sampleVerbs } from '../../machine/sample-verbs.ts'

t.test('what every sample of a verb says is taken without its verb', async t => {
  const bodies = { network: MachineNetwork, time: MachineTime, hostname: MachineHostname }
  let checked = 0
  for (const sample of sampleVerbs) {
    const { verb, ...body } = sample
    if (verb !== 'network' && verb !== 'time' && verb !== 'hostname') continue
    checked += 1
    t.ok(Value.Check(bodies[verb], body), JSON.stringify(sample))
    t.notOk(Value.Check(bodies[verb], sample), 'and not with it')
  }
  t.ok(checked >= 6)
})

t.test('a reset is asked for in its own words, with a password', async t => {
  t.ok(Value.Check(ResetBody, { confirm: 'erase everything', password: 'x' }))
  for (const body of [{ confirm: 'erase everything' }, { confirm: 'yes', password: 'x' }, { password: 'x' }])
    t.notOk(Value.Check(ResetBody, body), JSON.stringify(body))
})

t.test('a machine without a helper has no settings', async t => {
  t.ok(Value.Check(MachineView, { runsUnderWay: [], findings: [] }))
  t.notOk(Value.Check(MachineView, { runsUnderWay: [], findings: [], settings: {} }))
})
