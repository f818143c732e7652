// Host name and time servers in a form, against the checks that the appliance makes.
import t from 'tap'
import Value from 'typebox/value'
import { MachineHostname, MachineTime } from '../../../appliance/api/schemas/machine.ts'
import { hostnameFlaw, isTimeServer } from '../../../appliance/machine/verbs.ts'
import { changesOf, hostnameError, timeError } from '../../../webui/machine/name-and-time.ts'

t.test('a host name is taken as the appliance takes it; none only where there was none', async t => {
  const names = ['hoist', 'hoist-1.example.com', 'a_b', '-x', 'x..', '.', 'x'.repeat(65), 'a b', '10.example.com']
  const flawed = ['1', '10.0.0.5', 'ntp.1', 'localhost', 'LOCALHOST', 'localhost.localdomain', 'x.localhost']
  for (const name of [...names, ...flawed, 'localhosts', 'my-localhost']) {
    const taken = Value.Check(MachineHostname, { name }) && hostnameFlaw(name) === undefined
    t.equal(hostnameError(name, 'other') === undefined, taken, name)
  }
  for (const name of flawed) t.equal(`${hostnameFlaw(name)}.`, hostnameError(name, 'other'), name)
  t.equal(hostnameError('localhost', 'localhost'), undefined, 'it stays as it is')
  t.equal(hostnameError('', ''), undefined)
  t.type(hostnameError('', 'hoist'), 'string')
})

t.test('the dot at the end of a name, as DNS writes it, is left out', async t => {
  t.equal(hostnameError('hoist.example.com.', 'other'), undefined)
  const stored = { hostname: 'hoist', servers: [] }
  t.strictSame(changesOf({ hostname: 'h.example.com. ', servers: '' }, stored), { hostname: { name: 'h.example.com' } })
  t.strictSame(changesOf({ hostname: 'hoist.', servers: '' }, stored), {})
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
