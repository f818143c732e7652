// The views of the audit log: each belongs to a route that changes something, and asks the service of that thing.
import t from 'tap'
import { accessTable } from '../../appliance/api/access.ts'
import { auditViews, type ViewedServices } from '../../appliance/api/audit-views.ts'
import { startAccessLab } from '../accounts/access-lab.ts'

t.test('every view belongs to a route of the table that changes something, and shows its thing', async t => {
  const lab = await startAccessLab()
  t.teardown(() => lab.close())
  const { id } = await lab.access.accounts.create({ name: 'x', role: 'support', password: 'nine quiet rivers' })
  const { token } = await lab.access.tokens.create(id, { name: 'ci', readOnly: true })
  const asked: string[] = []
  const service = (name: string) =>
    new Proxy(
      {},
      {
        get: () => async (given: unknown) => {
          asked.push(name)
          return { name, given }
        },
      },
    )
  const services = {
    access: lab.access,
    settings: {
      view: async () => ({ vcenter: { host: 'vc' }, aws: { region: 'r' } }),
      connector: async () => ({ id: 'c' }),
    },
    jobs: service('jobs'),
    policy: service('policy'),
    connector: service('connector'),
    notifications: service('notifications'),
    system: service('system'),
    machine: service('machine'),
    support: { view: async () => ({ logUpload: { enabled: true } }) },
    webCertificate: service('webCertificate'),
    upgrade: { view: async () => ({ running: '1.0.0', auto: { enabled: true, source: 's', windows: [], next: 'n' } }) },
  } as unknown as ViewedServices
  const views = auditViews(services)
  for (const [line, view] of Object.entries(views)) {
    t.ok(accessTable[line], line)
    t.notMatch(line, /^GET/)
    const shown = await view({ id: line.includes('tokens') ? token.id : line.includes('accounts') ? id : 'some-id' })
    t.ok(shown, line)
    if (/jobs|channels/.test(line)) t.match(shown, { given: 'some-id' })
  }
  t.strictSame(await views['PUT /api/settings/aws']?.({}), { region: 'r' })
  t.match(await views['DELETE /api/tokens/:id']?.({ id: token.id }), { name: 'ci' })
  t.strictSame(await views['PUT /api/upgrade/settings']?.({}), { enabled: true, source: 's', windows: [] })
  t.strictSame(await views['POST /api/upgrade/install']?.({}), { running: '1.0.0' })
  t.strictSame([...new Set(asked)].sort(), [
    'connector',
    'jobs',
    'machine',
    'notifications',
    'policy',
    'system',
    'webCertificate',
  ])
})
