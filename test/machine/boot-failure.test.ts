// What a boot that failed leaves, and when it is gone.
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ApplianceError } from '../../appliance/errors.ts'
import { clearBootFailure, noteBootFailure, readBootFailure } from '../../appliance/machine/boot-failure.ts'

t.test('it is read by anybody as it was written, and gone when it is cleared', async t => {
  const root = t.testdir()
  t.equal(await readBootFailure(root), undefined)
  await clearBootFailure(root)
  const failure = { message: 'There is no data disk.', hint: 'Add one.' }
  await noteBootFailure(root, new ApplianceError('DATA_DISK_UNUSABLE', failure.message, { hint: failure.hint }))
  t.same(await readBootFailure(root), failure)
  t.equal(statSync(join(root, 'run/hoist')).mode & 0o777, 0o755)
  t.equal(statSync(join(root, 'run/hoist/boot-failure.json')).mode & 0o777, 0o644)
  await noteBootFailure(root, new Error('disk on fire'))
  t.match(await readBootFailure(root), { message: 'disk on fire' })
  await clearBootFailure(root)
  t.equal(await readBootFailure(root), undefined)
})

t.test('one that is damaged says nothing', async t => {
  const root = t.testdir({ run: { hoist: {} } })
  for (const text of ['', '{', '[]', '{"message":1}']) {
    writeFileSync(join(root, 'run/hoist/boot-failure.json'), text)
    t.equal(await readBootFailure(root), undefined, text)
  }
})
