// What tells this machine from its clones.
import { join } from 'node:path'
import t from 'tap'
import { machineId } from '../appliance/machine-id.ts'

t.test('the first identity that can be read counts, hashed, and white space around it does not', async t => {
  const directory = t.testdir({ uuid: '4C4C4544-0042\n', other: '4C4C4544-0042', system: 'abcdef', empty: '\n' })
  const path = (name: string) => join(directory, name)
  const id = await machineId('', [path('none'), path('empty'), path('uuid'), path('system')])
  t.match(id, /^[0-9a-f]{32}$/)
  t.notMatch(id, /4c4c4544/i)
  t.equal(await machineId('', [path('other')]), id)
  t.not(await machineId('', [path('system')]), id)
})

t.test('what is configured goes before what the machine says', async t => {
  const uuid = join(t.testdir({ uuid: 'a' }), 'uuid')
  const id = await machineId('vm-1', [uuid])
  t.equal(await machineId('vm-1', []), id)
  t.equal(await machineId(' vm-1 ', []), id)
  t.not(await machineId('vm-2', [uuid]), id)
})

t.test('a machine that says nothing has an identity nevertheless', async t => {
  t.match(await machineId('', [join(t.testdir(), 'none')]), /^[0-9a-f]{32}$/)
  t.match(await machineId(''), /^[0-9a-f]{32}$/)
})
