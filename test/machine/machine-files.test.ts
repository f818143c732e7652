// The files of the machine, below a root that is a test's.
import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { machineFiles } from '../../appliance/machine/machine-files.ts'

t.test('files are written with their modes, replaced, seen and removed', async t => {
  const root = t.testdir()
  const files = machineFiles(root)
  t.notOk(await files.exists('aptProxy'))
  await files.remove('aptProxy')
  await files.write('aptProxy', 'a')
  await files.write('aptProxy', 'b')
  await files.write('network', 'n')
  t.ok(await files.exists('aptProxy'))
  const proxy = join(root, 'etc/apt/apt.conf.d/20hoist-proxy')
  t.equal(readFileSync(proxy, 'utf8'), 'b')
  t.equal(lstatSync(proxy).mode & 0o777, 0o600)
  t.equal(lstatSync(join(root, 'etc/systemd/network/20-hoist.network')).mode & 0o777, 0o644)
  await files.remove('aptProxy')
  t.notOk(await files.exists('aptProxy'))
})
