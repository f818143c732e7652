import t from 'tap'
import { sortOut } from '../../../webui/jobs/sort-out.ts'
import { toRow } from '../../../webui/servers/server-rows.ts'
import { job, server } from '../samples.ts'

t.test('chosen servers that cannot have a job are left out, with the reason', async t => {
  const refusal = { severity: 'refusal', code: 'TEMPLATE', message: 'it is a template', hint: 'Convert it.' } as const
  const rows = [server('a'), server('b', { findings: [refusal] }), server('c'), server('d'), server('e')].map(toRow)
  const jobs = [job('1', { serverId: 'id-c' }), job('2', { serverId: 'id-d', state: 'ended' })]
  const { usable, leftOut, chosen } = sortOut(rows, new Set(['id-a', 'id-b', 'id-c', 'id-d']), jobs)
  t.equal(chosen.length, 4)
  t.strictSame(
    usable.map(({ name }) => name),
    ['a', 'd'],
  )
  t.strictSame(
    leftOut.map(({ row, why }) => `${row.name}: ${why}`),
    ['b: it is a template. Convert it.', 'c: It already has a job.'],
  )
})
