// A VM snapshot says whose it is, and nothing else is taken for one of ours.

import t from 'tap'
import { parseSnapshotMark, snapshotMark, vmSnapshotName } from '../../appliance/vsphere/snapshot-mark.ts'

const owner = { connectorId: 'c0ffee123456', jobId: 'f0d1-job', runId: '7a6e-run' }

t.test('what is written is read again', async t => {
  const mark = snapshotMark(owner)
  t.same(mark, {
    name: 'hoist-7a6e-run',
    description: 'Hoist connector c0ffee123456, job f0d1-job, run 7a6e-run',
  })
  t.equal(mark.name, vmSnapshotName(owner.runId))
  t.same(parseSnapshotMark(mark.description), owner)
})

t.test('a text that differs in any way is nobody of ours', async t => {
  const { description } = snapshotMark(owner)
  for (const text of [
    '',
    'before the upgrade',
    ` ${description}`,
    `${description} `,
    `${description}\n`,
    `${description}\nkeep this one`,
    `${description}, keep`,
    description.toLowerCase(),
    description.replace(', job', ' , job'),
    description.replace(owner.connectorId, ''),
    description.replace(owner.jobId, 'two words'),
  ]) {
    t.equal(parseSnapshotMark(text), undefined, JSON.stringify(text))
  }
})
