// The list of packages, and what has no place in it.
import t from 'tap'
import { packages } from '../../packer/packages.ts'

t.test('every package is named once, as Debian names packages', async t => {
  t.equal(new Set(packages).size, packages.length)
  for (const name of packages) t.match(name, /^[a-z0-9][a-z0-9+.-]+$/)
})

t.test('there is nothing to become root with but the console and a key', async t => {
  for (const name of ['sudo', 'cloud-init', 'telnetd', 'snmpd']) t.notOk(packages.includes(name), name)
})
