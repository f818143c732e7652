import t from 'tap'
import { adviseMethod } from '../../../webui/jobs/image-method.ts'
import { toRow } from '../../../webui/servers/server-rows.ts'
import { server } from '../samples.ts'

const findings = [{ severity: 'warning', code: 'LICENCE_NOT_BILLED', message: 'm', hint: 'h' } as const]
const linux = toRow(server('web01'))
const windows = toRow(server('ad01', { findings }))

t.test('guests that AWS bills for are converted, others registered as they are', async t => {
  t.match(adviseMethod([windows, windows]), { method: 'converted', why: /Windows/ })
  t.match(adviseMethod([linux]), { method: 'registered', why: /Linux/ })
  t.equal(adviseMethod([]).method, 'registered')
})

t.test('of a mixture no guest is changed, and it is said how many should be', async t => {
  t.match(adviseMethod([linux, windows, linux]), { method: 'registered', why: /^1 chosen server runs Windows/ })
})

t.test('what VM Import does not convert is not suggested for it', async t => {
  const [disk] = server('x').disks
  if (!disk) throw new Error('the sample has a disk')
  const large = toRow(server('big', { findings, disks: [{ ...disk, sizeBytes: 8 * 2 ** 40 }] }))
  const many = toRow(server('many', { findings, disks: Array.from({ length: 22 }, () => disk) }))
  for (const row of [large, many]) t.match(adviseMethod([row]), { method: 'registered', why: /does not convert/ })
})
