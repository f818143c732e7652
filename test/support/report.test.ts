// The text to copy: facts first, findings and failures by name.
import t from 'tap'
import { reportText } from '../../appliance/support/report.ts'

const facts = {
  ...{ version: '1.2.3', node: '26.0.0', platform: 'linux x64', startedAt: 'S', now: 'N', registered: false },
  ...{ servers: 3, jobs: 2, checks: [], failures: [] },
}

t.test('an appliance without findings', async t => {
  const text = reportText(facts)
  t.match(text, /Hoist 1\.2\.3 on Node\.js 26\.0\.0, linux x64/)
  t.match(text, /vCenter: not set up/)
  t.match(text, /No failed runs\./)
})

t.test('findings and failures are named', async t => {
  const text = reportText({
    ...facts,
    ...{ vcenter: 'set up', region: 'eu-central-1', registered: true },
    checks: [
      { title: 'A', state: 'success' },
      { title: 'B', state: 'error', at: 'T' },
      { title: 'C', state: 'warning' },
    ],
    failures: [
      { endedAt: 'E', code: 'NFC_STALLED', stage: 'uploading' },
      { code: 'INTERNAL', stage: 'scheduled' },
    ],
  })
  t.match(text, /Checks: 1 of 3/)
  t.match(text, /- error: B \(T\)\n- warning: C\n/)
  t.match(text, /- E: NFC_STALLED, while uploading\n- unknown: INTERNAL/)
})
