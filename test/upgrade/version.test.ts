// Versions.
import t from 'tap'
import { compareVersions } from '../../appliance/upgrade/version.ts'

t.test('versions are compared number by number', async t => {
  const inOrder = ['0.0.9', '0.1.0', '0.1.1', '0.2.0', '0.10.0', '1.0.0', '1.9.9', '1.10.0', '2.0.0', '10.0.0']
  for (const [i, a] of inOrder.entries())
    for (const [j, b] of inOrder.entries()) t.equal(Math.sign(compareVersions(a, b)), Math.sign(i - j), `${a} ${b}`)
})

t.test('what is no version is not compared', async t => {
  for (const text of ['', '1', '1.2', '1.2.3.4', '1.2.03', '1.2.-3', 'v1.2.3', '1.2.3-rc1', '1.2.3\n', '1.2.1234567'])
    t.throws(() => compareVersions(text, '1.0.0'), /no version/, text)
})
