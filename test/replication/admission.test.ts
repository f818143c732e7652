// Refusals before anything is made.
import t from 'tap'
import type { Finding, Server } from '../../appliance/domain.ts'
import { assertReplicable } from '../../appliance/replication/admission.ts'
import type { RunContext } from '../../appliance/replication/context.ts'

const finding = (severity: Finding['severity'], code: string): Finding => ({
  severity,
  code,
  message: code,
  hint: `do ${code}`,
})

function contextWith(findings: Finding[]) {
  const recorded: Finding[][] = []
  const context = {
    job: { settings: { imageMethod: 'converted' } },
    assess: (_server: Server, method: string) => {
      t.equal(method, 'converted')
      return findings
    },
    journal: { record: async ({ warnings }: { warnings: Finding[] }) => void recorded.push(warnings) },
  } as unknown as RunContext
  return { context, recorded }
}

t.test('every refusal stands in the one error', async t => {
  const { context, recorded } = contextWith([
    finding('refusal', 'RDM'),
    finding('warning', 'ISO'),
    finding('refusal', 'FT'),
  ])
  await t.rejects(assertReplicable({ name: 'web01' } as Server, context), {
    code: 'SERVER_REFUSED',
    message: 'web01 cannot be replicated: RDM; FT',
    hint: 'do RDM do FT',
  })
  t.equal(recorded.length, 0)
})

t.test('warnings are kept with the run', async t => {
  const { context, recorded } = contextWith([finding('warning', 'ISO')])
  await assertReplicable({ name: 'web01' } as Server, context)
  t.match(recorded, [[{ code: 'ISO' }]])
})
