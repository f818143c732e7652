// Host name and time servers in a form, against the checks that the appliance makes.
import t from 'tap'
import Value from 'typebox/value'
import { MachineHostname, MachineTime } from '../../../appliance/api/schemas/machine.ts'
import { isTimeServer } from '../../../appliance/machine/verbs.ts'
import { changesOf, hostnameError, timeError } from '../../../webui/machine/name-and-time.ts'

t.test('a host name is taken as the appliance takes it; none only where there was none', async t => {
  for (const name of ['hoist', 'hoist-1.example.com', 'a_b', '-x', 'x.', 'x'.repeat(65), 'a b', '1'])
    t.equal(hostnameError(name, 'hoist') === undefined, Value.Check(MachineHostname, { name }), name)
  t.equal(hostnameError('', ''), undefined)
  t.type(hostnameError('', 'hoist'), 'string')
})

t.test('time servers are taken as the appliance takes them', async t => {
  for (const servers of [
    ['ntp.example.com'],
    ['192.0.2.1', '2001:db8::1'],
    ['1.2.3'],
    ['a/b'],
    ['a_b'],
    [],
    Array(9).fill('a'),
  ]) {
    const taken = Value.Check(MachineTime, { servers }) && servers.every(isTimeServer)
    t.equal(timeError(servers.join(', ')) === undefined, taken, servers.join())
  }
})

t.test('only what is other than stored is saved', async t => {
  const stored = { hostname: 'hoist', servers: ['a', 'b'] }
  t.strictSame(changesOf({ hostname: 'hoist', servers: 'a b' }, stored), {})
  t.strictSame(changesOf({ hostname: ' other ', servers: '' }, stored), {
    hostname: { name: 'other' },
    time: { servers: [] },
  })
})
